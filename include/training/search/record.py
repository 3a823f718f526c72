"""Writes a search onto the MLflow run of the candidate that it was made for."""

from __future__ import annotations

from include.registry.amend import amend_run
from include.training.search.run import SearchResult


def log_search(tracking_uri: str, run_id: str, found: SearchResult) -> None:
    """Add the method, the number of trials, the best score, all trials (``search.json``) and their plot to a run.

    Raises:
        RegistryError: MLflow is away.
    """
    from include.tasks.plots import draw_search

    params = {
        "search_method": found.method,
        "search_study": found.study,
        "search_trials": len(found.trials),
        "search_folds": found.folds,
        "search_score": found.score,
        "search_usual_score": found.usual_score,
    }
    scores = [trial["score"] for trial in found.trials]
    figures = {"search.png": draw_search(scores, f"search: {found.method}")}
    amend_run(tracking_uri, run_id, params, {"search.json": found.describe()}, figures)
