"""The model server: ``python -m include.serving``.

``app`` holds the routes; ``engine`` answers them; ``models`` keeps the versions loaded and ``watcher``
keeps it in step with ``serving.rollouts``; ``router`` picks the variant; ``features`` reads the online
store; ``inference_log`` writes down every answer. Everything but loading runs on one event loop, so
nothing here needs a lock.
"""
