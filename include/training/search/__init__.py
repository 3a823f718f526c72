"""The search for better parameters of a family, on training rows alone.

``spaces`` fits the settings' spaces to the data, ``folds`` scores parameters, ``studies`` keeps trials in PostgreSQL,
``trials`` runs them within the budget, ``run`` is the whole of it for one candidate.
"""
