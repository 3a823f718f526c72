"""What a registered version says of itself, inside its ONNX file: covered by the file's SHA-256, unlike a tag.

Whoever runs a version (staging, canary, server, batch scoring, monitoring) reads here what it takes and
what its output means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, get_args

from include.errors import ServingError, WarehouseError
from include.features.catalog import Entity, Feature, FeatureKind, GroupTable, Key, KeyType
from include.features.matrix import split_names
from include.settings.task_name import TaskName
from include.settings.training import SplitKind
from include.warehouse.names import parse_table

METADATA_KEY: Final = "orrery"


@dataclass(frozen=True)
class SplitRule:
    """What decided which rows a version learned from, and which it was tested on.

    Attributes:
        kind: ``time``, by as-of dates, or ``entity``, by the hash of an entity's key.
        test_share: of all entities, those of the lowest hashes, which the version was neither trained nor validated
            on; None when split by time.
    """

    kind: SplitKind
    test_share: float | None = None


@dataclass(frozen=True)
class ModelContract:
    """Inputs and meaning of one version.

    Attributes:
        label: the label's column, for people.
        groups: where the features are, the first group deciding which rows there are.
        features: what the version takes; numeric and boolean ones go into the input ``numeric``,
            categorical ones into ``categorical``, each in this order.
        decision: what turns predictions into answers (see ``include.tasks.task.Decision``).
        test_as_of_date: the cutoff that the version was tested on.
        horizon_days: an outcome is known so many days after its as-of date.
        split: None in versions of releases that did not write it down.
    """

    model: str
    task: TaskName
    entity: Entity
    label: str
    groups: tuple[GroupTable, ...]
    features: tuple[Feature, ...]
    decision: Mapping[str, Any]
    test_as_of_date: date
    horizon_days: int
    split: SplitRule | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """All features, numeric ones first, as in a feature matrix."""
        numeric, categorical = split_names(self.features)
        return (*numeric, *categorical)

    def to_json(self) -> str:
        """The contract as JSON text; equal contracts give equal text."""
        groups = [
            {**asdict(group), "table": str(group.table), "online": str(group.online) if group.online else None}
            for group in self.groups
        ]
        content = {**asdict(self), "groups": groups, "test_as_of_date": self.test_as_of_date.isoformat()}
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelContract:
        """The inverse of :meth:`to_json`.

        Raises:
            ServingError: the text is no contract of this release; a task, key type or kind is named.
        """
        try:
            content = json.loads(text)
            entity = content["entity"]
            return cls(
                model=content["model"],
                task=_require_known(content["task"], TaskName, "task"),
                entity=Entity(entity["name"], tuple(_read_key(key) for key in entity["keys"])),
                label=content["label"],
                groups=tuple(_read_group(group) for group in content["groups"]),
                features=tuple(_read_feature(feature) for feature in content["features"]),
                decision=content["decision"],
                test_as_of_date=date.fromisoformat(content["test_as_of_date"]),
                horizon_days=content["horizon_days"],
                split=_read_split(content.get("split")),
            )
        except (ValueError, KeyError, TypeError, WarehouseError) as error:
            raise ServingError(
                f"The version's contract cannot be read ({error!r}). Train and register it again."
            ) from error


def _read_key(content: Mapping[str, Any]) -> Key:
    key = Key(**content)
    _require_known(key.type, KeyType, f"type of key {key.name!r}:")
    return key


def _read_feature(content: Mapping[str, Any]) -> Feature:
    feature = Feature(**content)
    _require_known(feature.kind, FeatureKind, f"kind of feature {feature.name!r}:")
    return feature


def _read_split(content: Mapping[str, Any] | None) -> SplitRule | None:
    if content is None:
        return None
    rule = SplitRule(**content)
    _require_known(rule.kind, SplitKind, "kind of split")
    return rule


def _require_known(value: Any, known: Any, what: str) -> Any:
    """The value, if it is one of the literal type's.

    Raises:
        ValueError: it is none of them.
    """
    names = get_args(known)
    if value not in names:
        raise ValueError(f"{what} {value!r}; this release knows {', '.join(names)}")
    return value


def _read_group(content: Mapping[str, Any]) -> GroupTable:
    online = content["online"]
    return GroupTable(
        content["name"],
        parse_table(content["table"]),
        None if online is None else parse_table(online),
        content["event_time"],
        content["cadence_days"],
    )
