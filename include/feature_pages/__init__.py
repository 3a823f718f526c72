"""The pages of the feature store: groups and labels as dbt declares them, with what their validation has found.

``queries`` reads rows, ``lineage`` follows dbt's manifest, ``views`` makes of them what a page shows, ``render`` writes
HTML. All but ``queries`` is pure. Nothing is loaded from elsewhere and no script runs: the pages work offline.
"""
