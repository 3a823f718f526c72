"""The pages of the candidates: one of each that was fitted, with what it was measured by, and one of each model.

``queries`` reads the ledger, the views turn its rows into what a page shows, ``render`` makes HTML of it, in the layout
of the pages of quality. All but ``queries`` is pure. Nothing is loaded from elsewhere and no script runs.
"""
