"""Features: what the dbt project declares of them, and the way from their tables to a model.

``manifest`` keeps dbt's manifest as new as the project; ``catalog`` reads groups and labels out of it;
``spec`` joins a model's declaration with them; ``matrix`` turns rows into arrays; ``store`` describes what
is in the tables.
"""
