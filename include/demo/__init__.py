"""The demo: the run of the whole loop on the example's data, followed live, and its report.

``python -m include.demo`` runs it on the embedded stack (``include/local``).
"""
