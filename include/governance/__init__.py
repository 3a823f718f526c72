"""Governance: the lineage store and what carries events to it, dbt's lineage, the ledger of approvals.

It listens to every hop and is a step in none. Events are spooled where they arise (``transport``,
``spool``), carried to the warehouse (``carrier``, ``shipper``) and asked there (``store``).
"""
