"""The parameters of ``ingest_sources`` by which a person lets a refused batch through."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from include.settings.sources import SourceSettings

if TYPE_CHECKING:
    from include.ingestion.release import Release


def release_params(sources: Collection[str]) -> dict[str, Param]:
    """``accept_refused``, a choice among the sources, and ``reason``."""
    names = sorted(sources)
    return {
        "accept_refused": Param(
            [],
            type="array",
            items={"type": "string", "enum": names},
            examples=names,
            uniqueItems=True,
            title="Accept refused batches of",
            description="Sources whose batch of these days was refused, and which you have looked at. Needs a reason.",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=2000,
            title="Reason of the acceptance",
            description="Why the rule was wrong and not the data; it is kept with your name.",
        ),
    }


def read_release(context: Any, sources: SourceSettings) -> Release | None:
    """The release that a run's parameters ask for.

    Raises:
        SettingsError: it is not complete; see :func:`include.ingestion.release.parse_release`.
    """
    params = context["params"]
    if not params.get("accept_refused"):
        return None
    from include.ingestion.release import parse_release

    person = getattr(context["dag_run"], "triggering_user_name", None)
    return parse_release(sources.sources, params["accept_refused"], params.get("reason"), params["from_day"], person)
