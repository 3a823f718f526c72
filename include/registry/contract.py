"""What a registered version says of itself, inside its ONNX file: covered by the file's SHA-256, unlike a tag.

Whoever runs a version (staging, canary, server, batch scoring, monitoring) reads here what it takes and
what its output means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from include.errors import ServingError
from include.features.catalog import Entity, Feature, Key
from include.features.matrix import split_names
from include.settings.models import TaskName

METADATA_KEY: Final = "orrery"


@dataclass(frozen=True)
class ModelContract:
    """Inputs and meaning of one version.

    Attributes:
        label: the label's column, for people.
        features: what the version takes; numeric and boolean ones go into the input ``numeric``,
            categorical ones into ``categorical``, each in this order.
        decision: what turns predictions into answers (see ``include.tasks.task.Decision``).
        test_as_of_date: the cutoff that the version was tested on.
        horizon_days: an outcome is known so many days after its as-of date.
    """

    model: str
    task: TaskName
    entity: Entity
    label: str
    features: tuple[Feature, ...]
    decision: Mapping[str, Any]
    test_as_of_date: date
    horizon_days: int

    @property
    def feature_names(self) -> tuple[str, ...]:
        """All features, numeric ones first, as in a feature matrix."""
        numeric, categorical = split_names(self.features)
        return (*numeric, *categorical)

    @property
    def groups(self) -> tuple[str, ...]:
        """The feature groups that the features are of, each once."""
        return tuple(dict.fromkeys(feature.group for feature in self.features))

    def to_json(self) -> str:
        """The contract as JSON text; equal contracts give equal text."""
        return json.dumps({**asdict(self), "test_as_of_date": self.test_as_of_date.isoformat()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelContract:
        """The inverse of :meth:`to_json`.

        Raises:
            ServingError: the text is no contract of this release.
        """
        try:
            content = json.loads(text)
            entity = content["entity"]
            return cls(
                model=content["model"],
                task=content["task"],
                entity=Entity(entity["name"], tuple(Key(**key) for key in entity["keys"])),
                label=content["label"],
                features=tuple(Feature(**feature) for feature in content["features"]),
                decision=content["decision"],
                test_as_of_date=date.fromisoformat(content["test_as_of_date"]),
                horizon_days=content["horizon_days"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ServingError(
                f"The version's contract cannot be read ({error!r}). Train and register it again."
            ) from error
