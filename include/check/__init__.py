"""Whether what is declared can work: settings, sources, dbt, contracts and database, looked at without Airflow.

``python -m include.check`` (``make check``) goes through everything and lists all that it finds.
"""
