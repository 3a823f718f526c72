"""Orchestration: the only room that knows Airflow, Cosmos and the Astro SDK.

It turns connections into plain values, calls the library with them, and reports lineage.
"""
