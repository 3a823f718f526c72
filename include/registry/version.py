"""A registered version, as its tags describe it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from include.errors import RegistryError

SCORE_TAGS: Final = ("score", "score_low", "score_high")
GAIN_KEYS: Final = ("gain", "gain_low", "gain_high")
LINEAGE_TAGS: Final = (
    "task",
    "family",
    "data_version",
    "feature_version",
    "code_revision",
    "trained_by",
    "test_as_of_date",
)


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        source: the logged model, ``models:/m-…``.
        created_at: when it was registered (UTC).
        aliases: of candidate, challenger and champion, those that it carries.
        tags: facts as text; the tag's name says which.
    """

    name: str
    version: int
    run_id: str
    source: str
    created_at: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    def require_tag(self, key: str) -> str:
        """The value of a tag.

        Raises:
            RegistryError: the version has no such tag.
        """
        if key not in self.tags:
            raise RegistryError(
                f"Version {self.version} of {self.name!r} has no tag {key!r}: it was not registered by this "
                "project. Register it with include.registry.registry.register_candidate."
            )
        return self.tags[key]


def parse_version(content: Mapping[str, Any], aliases: Sequence[str]) -> ModelVersion:
    """A version out of MLflow's JSON."""
    return ModelVersion(
        name=content["name"],
        version=int(content["version"]),
        run_id=content.get("run_id", ""),
        source=content["source"],
        created_at=datetime.fromtimestamp(content["creation_timestamp"] / 1000, UTC),
        aliases=tuple(sorted(aliases)),
        tags={tag["key"]: tag["value"] for tag in content.get("tags", [])},
    )


def describe_result(result: Mapping[str, Any], decision: str, gates: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The tags of a version, for people: what was measured, from what it was made, what the gates said.

    Nothing that a version is run by stands here: that is its contract.

    Args:
        result: what ``include.training.fit.fit_family`` returns.
        gates: one mapping for each gate (name, is_passed, observed, threshold, reason, severity).
    """
    tags = {key: f"{float(result[key]):.6g}" for key in SCORE_TAGS}
    tags |= {key: str(result[key]) for key in LINEAGE_TAGS}
    tags |= {
        "score_name": result["score_name"],
        "metrics": json.dumps(result["metrics"]),
        "onnx_sha256": result["onnx_sha256"],
        "decision": decision,
        "gates": json.dumps(list(gates)),
    }
    chosen = ("feature_set", "selection_method", "selected_features")
    tags |= {key: str(result[key]) for key in chosen if result.get(key) is not None}
    gains = result.get("baseline") or {}
    return tags | {f"baseline_{key}": f"{float(gains[key]):.6g}" for key in GAIN_KEYS if gains.get(key) is not None}
