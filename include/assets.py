"""The named assets that connect the hops, in flow order.

Each DAG ends by publishing one of these; the next DAG is scheduled on it.
"""

from __future__ import annotations

from typing import Final

RAW: Final = "raw"
"""Audited source data is published (by ``ingest_sources``)."""

FEATURES: Final = "features"
"""Customer features and labels are built and tested (by ``build_features``)."""

CANDIDATE: Final = "candidate"
"""A model passed its gates and is registered (by ``train_candidates``)."""

CHAMPION: Final = "champion"
"""A model took over production (by ``deploy_model``)."""

PREDICTIONS: Final = "predictions"
"""A day of scores is published (by ``score_batch``)."""

RETRAIN_REQUESTED: Final = "retrain_requested"
"""Monitoring found a reason to train again (by ``monitor_model``)."""

FLOW: Final = (RAW, FEATURES, CANDIDATE, CHAMPION, PREDICTIONS, RETRAIN_REQUESTED)
