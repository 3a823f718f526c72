"""What a feature group is made of, source by source: events that are counted, and lists that are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from include.adopt.entity_keys import EntityKeys
from include.adopt.event_columns import EventColumns, VariedColumn
from include.adopt.event_features import EventFeature, list_windows
from include.adopt.staged_columns import StagedColumn
from include.adopt.table_features import TableFeature

FEATURE_MODELS: Final = ("windows", "rhythm", "variety")
"""The dbt models of a source's events that make features."""


@dataclass(frozen=True)
class EventPart:
    """The events of one source: its dbt models, and the features that they make.

    Attributes:
        group: the feature group.
        subject: in the names of the dbt models.
        prefix: before the names of features; empty for the source whose events decide which entities there are.
        vars: names of the vars of the dbt project, by what they are.
        lookback_days: the longest window.
    """

    entity: EntityKeys
    group: str
    source: str
    subject: str
    prefix: str
    columns: EventColumns
    features: tuple[EventFeature, ...]
    vars: dict[str, str]
    lookback_days: int

    @property
    def windows(self) -> list[int]:
        """The days of each window, ascending."""
        return list_windows(self.lookback_days)

    @property
    def is_further(self) -> bool:
        """Whether an entity of the group may have no events of it."""
        return bool(self.prefix)

    @property
    def events(self) -> str:
        """The events in words."""
        return self.source.replace("_", " ")

    @property
    def numbers(self) -> tuple[StagedColumn, ...]:
        """The columns that are added up."""
        return self.columns.numbers

    @property
    def varied(self) -> tuple[VariedColumn, ...]:
        """The columns whose values are counted."""
        return self.columns.varied

    @property
    def staged(self) -> tuple[StagedColumn, ...]:
        """The columns of the staging view."""
        return self.columns.staged

    @property
    def questions(self) -> tuple[str, ...]:
        """For a person to confirm."""
        return self.columns.questions

    @property
    def own_models(self) -> dict[str, str]:
        """The dbt models that are made of this source alone, besides staging, by what they are."""
        kinds = ("event_days", "days", *FEATURE_MODELS)
        return {kind: f"int_{self.subject}_{kind}" for kind in kinds if kind != "variety" or self.varied}

    @property
    def models(self) -> dict[str, str]:
        """Those, and the ones that they belong to."""
        return {**self.own_models, "group": self.group, "as_of_dates": name_as_of_dates(self.group)}


@dataclass(frozen=True)
class ListPart:
    """A list of the entities, such as their master data: its copies, each with the as-of dates at which it counts.

    Attributes:
        group: the feature group.
        staged: the columns of the staging view.
    """

    entity: EntityKeys
    group: str
    source: str
    staged: tuple[StagedColumn, ...]
    features: tuple[TableFeature, ...]
    questions: tuple[str, ...]

    @property
    def models(self) -> dict[str, str]:
        """No dbt models besides staging; the one that its features are columns of."""
        return {"group": self.group}


def name_subject(group: str) -> str:
    """What the dbt models of a group are called by."""
    return group.removesuffix("_features")


def name_as_of_dates(group: str) -> str:
    """The dbt model of a group's as-of dates."""
    return f"int_{name_subject(group)}_as_of_dates"
