"""The dataset facet ``orrery_commit``: the rows of this output were committed, whatever became of the run.

Only our own events carry it. The lineage store counts an output that has it as produced; an output
without it counts once its run is complete (``store.list_producers``).
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final

COMMIT_FACET: Final = "orrery_commit"
_PRODUCER: Final = "urn:orrery:include/governance"
_SCHEMA_URL: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetFacet"


def describe_commit(at: datetime) -> dict[str, Any]:
    """The facet as plain JSON, for processes without an OpenLineage client; ``at`` has a zone."""
    return {"_producer": _PRODUCER, "_schemaURL": _SCHEMA_URL, "committedAt": at.isoformat()}


def build_commit_facet(at: datetime) -> Any:
    """The facet as an object of the OpenLineage client; ``at`` has a zone."""
    return _define_facet()(committedAt=at.isoformat())


@cache
def _define_facet() -> Any:
    import attr
    from openlineage.client.facet_v2 import DatasetFacet

    @attr.define
    class CommitDatasetFacet(DatasetFacet):  # type: ignore[misc]
        committedAt: str  # noqa: N815 - OpenLineage names its fields so

        @staticmethod
        def _get_schema() -> str:
            return _SCHEMA_URL

    return CommitDatasetFacet
