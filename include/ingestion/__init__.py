"""Ingestion: plan → land → audit → publish, and the version of what is published.

Each step takes and returns small JSON dictionaries (:class:`include.ingestion.plan.LoadItem`); rows
travel through the warehouse. Publishing is one transaction for all sources of a run.
"""
