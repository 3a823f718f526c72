"""Optuna's studies in the warehouse's PostgreSQL, in a schema of their own; tasks of one name share one study."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SCHEMA: Final = "search"
HEARTBEAT_S = 5
GRACE_S = 20
"""A trial whose worker has given no sign for so long counts as failed, and its parameters are tried anew."""


@contextmanager
def open_studies(uri: str | None) -> Iterator[BaseStorage]:
    """The studies of a warehouse, whose tables are made at the first use; those of this process alone without ``uri``.

    Raises:
        WarehouseError: the warehouse is away.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if uri is None:
        yield optuna.storages.InMemoryStorage()
        return
    engine = {"connect_args": {"options": f"-csearch_path={SCHEMA}"}, "pool_pre_ping": True}
    # Two workers that make the tables at once would both fail.
    with open_session(uri) as session:
        session.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"{SCHEMA}: tables"])
        if session.fetch_value("select to_regnamespace(%s) is null", [SCHEMA]):
            with open_session(uri) as other:
                other.execute(f"create schema {SCHEMA}")
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            storage = optuna.storages.RDBStorage(
                uri.replace("postgresql://", "postgresql+psycopg://", 1), engine,
                heartbeat_interval=HEARTBEAT_S, grace_period=GRACE_S,
            )  # fmt: skip
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def name_study(
    spec: ModelSpec, family: str, feature_set: str | None, features: Sequence[str], data_version: str,
    settings: TrainingSettings,
) -> str:  # fmt: skip
    """The name of a study: whatever changes what a trial would score gives another one."""
    search = settings.search.model_dump(mode="json", exclude={"trials", "seconds", "patience", "workers", "spaces"})
    spaces = {name: one.model_dump(mode="json") for name, one in settings.search.spaces.get(family, {}).items()}
    usual: Any = getattr(settings.parameters, family)
    others = ("split", "training_cutoffs", "training_cutoff_spacing_days", "min_training_rows", "min_split_count")
    facts = {
        "data_version": data_version, "features": sorted(features), "label": spec.label_column,
        "horizon_days": spec.horizon_days, "search": search, "spaces": spaces,
        "parameters": usual.model_dump(mode="json"), "random_seed": settings.random_seed,
        **{name: getattr(settings, name) for name in others},
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return "/".join((spec.name, family, feature_set or "all", digest))
