"""The named assets that connect the hops, in flow order.

Each DAG ends by publishing one of these; the next DAG is scheduled on it. Raw data and features are shared by
all models; the other assets are of one model each.
"""

from __future__ import annotations

from typing import Final

RAW: Final = "raw"
"""Audited source data is published (by ``ingest_sources``)."""


def features_of(group: str) -> str:
    """A feature group is built and tested (by ``build_features``)."""
    return f"features.{group}"


def labels_of(table: str) -> str:
    """A label table is built and tested (by ``build_features``)."""
    return f"labels.{table}"


def candidate_of(model: str) -> str:
    """A version of a model passed its gates and is registered (by ``<model>.train_candidates``)."""
    return f"{model}.candidate"


def champion_of(model: str) -> str:
    """A version of a model took over production (by ``<model>.deploy_model``)."""
    return f"{model}.champion"


def predictions_of(model: str) -> str:
    """A day of a model's scores is published (by ``<model>.score_batch``)."""
    return f"{model}.predictions"


def retrain_requested_of(model: str) -> str:
    """Monitoring found a reason to train a model again (by ``<model>.monitor_model``)."""
    return f"{model}.retrain_requested"
