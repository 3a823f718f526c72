"""Runs a project by hand: follows its DAG runs live, answers approvals, sends requests to the model server.

``python -m include.operate`` is ``make run`` and ``make traffic``. It speaks to Airflow, the model server and the
warehouse of a stack on this machine, or to others that are named.
"""
