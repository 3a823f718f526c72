"""The warehouse: PostgreSQL, statements over psycopg, frames over ADBC/Arrow.

``session`` runs SQL in one transaction; ``arrow`` moves tables in bulk; ``trace`` remembers which
tables a piece of work read and wrote, so that lineage is observed and not declared.
"""
