"""The model server: ``python -m include.serving`` serves every declared model.

``app`` holds the routes and ``server`` the parts. Each model has an ``engine`` that answers, a ``model_store``
that keeps its versions loaded, and a ``feature_reader`` for each version; ``request_check`` compares requests
with the version's contract, ``router`` picks the variant. All models share the connections
(``warehouse_pool``), the ``watcher`` of ``serving.rollouts`` and the ``inference_log``. Everything but loading
and the threads of ``workers`` runs on one event loop, so nothing here needs a lock.
"""
