"""What the server says of its models: as JSON for people, as gauges for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from include.serving.engine import ModelEngine
from include.serving.metrics import Gauges
from include.serving.schemas import FeatureField, KeyField, ModelStatus, VersionStatus


def describe_model(engine: ModelEngine, stray_alias: str | None) -> ModelStatus:
    """Contract, versions, weights and counts of one model at this moment.

    Args:
        stray_alias: where MLflow's alias of the champion is instead, in words.
    """
    routing = engine.store.routing
    contract = routing.champion.contract if routing.champion else None
    return ModelStatus(
        name=engine.name,
        is_ready=routing.champion is not None,
        reason=engine.store.reason,
        task=contract.task if contract else None,
        entity=contract.entity.name if contract else None,
        keys=[KeyField(name=key.name, type=key.type) for key in (contract.entity.keys if contract else ())],
        features=[FeatureField(name=item.name, kind=item.kind) for item in (contract.features if contract else ())],
        champion_version=routing.champion.version if routing.champion else None,
        stray_alias=stray_alias,
        challenger_version=routing.challenger_version,
        challenger_weight=routing.challenger_weight if routing.is_leased else 0.0,
        shadow_share=routing.shadow_share if routing.is_shadowed else 0.0,
        shadow_dropped=engine.shadow.dropped,
        versions=[
            VersionStatus(version=slot.version, status=slot.status, reason=slot.reason) for slot in engine.store.slots
        ],
        predictions=dict(engine.recorder.predictions),
        errors=dict(engine.recorder.errors),
    )


def read_gauges(engines: Mapping[str, ModelEngine]) -> Gauges:
    """The gauges of every model, by metric and model."""
    routings = {name: engine.store.routing for name, engine in engines.items()}
    return {
        "is_ready": {name: int(routing.champion is not None) for name, routing in routings.items()},
        "champion_version": {
            name: routing.champion.version if routing.champion else 0 for name, routing in routings.items()
        },
        "challenger_version": {name: routing.challenger_version or 0 for name, routing in routings.items()},
        "challenger_weight": {
            name: routing.challenger_weight if routing.is_leased else 0.0 for name, routing in routings.items()
        },
        "shadow_share": {
            name: routing.shadow_share if routing.is_shadowed else 0.0 for name, routing in routings.items()
        },
        "shadow_rows_waiting": {name: engine.shadow.waiting for name, engine in engines.items()},
        "shadow_rows_dropped": {name: engine.shadow.dropped for name, engine in engines.items()},
    }
