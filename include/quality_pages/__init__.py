"""The pages of quality: every batch, every source over time, from what the audits left in schema ``quality``.

``queries`` reads rows, ``views`` and ``plots`` turn them into what a page shows, ``render`` makes HTML of it. All but
``queries`` is pure. Nothing is loaded from elsewhere and no script runs: the pages work offline.
"""
