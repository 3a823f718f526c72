"""What a dbt model is made from, and what reads it."""

from __future__ import annotations

from typing import Any

from include.feature_pages.lineage import ModelLineage, trace_model


def make_manifest(**reads: list[str]) -> dict[str, Any]:
    """Models by name with the models and sources (``raw.x``) that they read."""

    def key(name: str) -> str:
        return f"source.plant.{name}" if name.startswith("raw.") else f"model.plant.{name}"

    sources = {
        key(name): {"resource_type": "source", "schema": "raw", "name": name.removeprefix("raw.")}
        for names in reads.values()
        for name in names
        if name.startswith("raw.")
    }
    nodes = {
        key(name): {"resource_type": "model", "name": name, "depends_on": {"nodes": [key(one) for one in names]}}
        for name, names in reads.items()
    }
    nodes["test.plant.not_null"] = {"resource_type": "test", "name": "not_null", "depends_on": {"nodes": [*nodes]}}
    return {"nodes": nodes, "sources": sources}


def test_everything_upstream_stands_left_of_what_is_made_from_it() -> None:
    manifest = make_manifest(
        stg_readings=["raw.readings"], days=["stg_readings"], readings=["stg_readings", "days", "raw.parts"],
        readings_latest=["readings"], outages=["readings"],
    )  # fmt: skip

    assert trace_model(manifest, "readings") == ModelLineage(
        upstream=(("raw.readings",), ("stg_readings",), ("days", "raw.parts")),
        downstream=("outages", "readings_latest"),
    )


def test_a_model_that_the_manifest_does_not_know_has_no_lineage() -> None:
    assert trace_model({"nodes": {}}, "readings") == ModelLineage((), ())
