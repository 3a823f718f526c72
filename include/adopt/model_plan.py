"""Everything that the files of a new model say, decided: names, columns, label, and the vars of the dbt project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from include.adopt.entity_keys import EntityKeys, join_words
from include.adopt.event_columns import choose_columns
from include.adopt.event_features import DAILY_DAYS, LOOKBACKS, EventFeature, list_features
from include.adopt.event_part import FEATURE_MODELS, EventPart, ListPart, name_as_of_dates, name_subject
from include.adopt.further_sources import check_further, list_other_sources, plan_list
from include.adopt.label_sentence import LabelSentence, read_label
from include.adopt.model_request import ModelRequest
from include.adopt.planned_label import PlannedLabel, plan_label
from include.adopt.sql_names import check_column_names, check_model_names
from include.adopt.table_features import TableFeature
from include.errors import SettingsError
from include.settings.sources import SourceSettings

MAX_FEATURES: Final = 900
"""A row of PostgreSQL lies within one page of 8 kB, and a number has 8 bytes."""


@dataclass(frozen=True)
class ModelPlan:
    """The names of all dbt models of a new model, and what they are made of.

    Attributes:
        main: the events that decide which entities there are, and of which the label is made.
        further: events of other sources.
        lists: of the entities.
    """

    request: ModelRequest
    group: str
    sentence: LabelSentence
    label: PlannedLabel
    main: EventPart
    further: tuple[EventPart, ...]
    lists: tuple[ListPart, ...]
    others: tuple[str, ...]

    @property
    def entity(self) -> EntityKeys:
        """What is predicted for."""
        return self.main.entity

    @property
    def source(self) -> str:
        """The source of the events."""
        return self.main.source

    @property
    def events(self) -> str:
        """The events in words."""
        return self.main.events

    @property
    def counted(self) -> tuple[EventPart, ...]:
        """All sources whose events are counted."""
        return (self.main, *self.further)

    @property
    def parts(self) -> tuple[EventPart | ListPart, ...]:
        """All sources."""
        return (*self.counted, *self.lists)

    @property
    def sources_text(self) -> str:
        """All sources in words."""
        return join_words([one.source.replace("_", " ") for one in self.parts])

    @property
    def event_features(self) -> tuple[EventFeature, ...]:
        """Those that are made of events."""
        return tuple(feature for part in self.counted for feature in part.features)

    @property
    def list_features(self) -> tuple[TableFeature, ...]:
        """Those that are columns of lists."""
        return tuple(feature for one in self.lists for feature in one.features)

    @property
    def list_tables(self) -> dict[str, str]:
        """The staging models of the lists that give features, by what the group's SQL calls them."""
        return {f"{one.source}_rows": f"stg_{one.source}" for one in self.lists if one.features}

    @property
    def joined_models(self) -> dict[str, str]:
        """The dbt models of features that an entity of the group may not have, by what its SQL calls them."""
        own = {kind: name for kind, name in self.main.own_models.items() if kind == "variety"}
        further = {
            f"{part.source}_{kind}": name
            for part in self.further
            for kind, name in part.own_models.items()
            if kind in FEATURE_MODELS
        }
        return {**own, **further, **self.list_tables}

    @property
    def models(self) -> dict[str, str]:
        """The dbt models that belong to no further source, besides staging, by what they are."""
        name = self.request.name
        return {
            **self.main.own_models,
            "as_of_dates": name_as_of_dates(self.group),
            "group": self.group,
            "latest": f"{self.group}_latest",
            "label_dates": f"int_{name}_label_dates",
            "labels": f"{name}_labels",
        }

    @property
    def all_models(self) -> list[str]:
        """The names of all dbt models but those of staging."""
        return [*self.models.values(), *(name for part in self.further for name in part.own_models.values())]

    @property
    def vars(self) -> dict[str, str]:
        """The names of the vars of the dbt project, by what they are."""
        return {"horizon": f"{self.request.name}_horizon_days", **self.main.vars}

    @property
    def var_values(self) -> dict[str, int]:
        """The vars with their values."""
        values = {
            "horizon": self.sentence.days,
            "active": self.sentence.active_days,
            "history": self.sentence.lookback_days,
            "daily": DAILY_DAYS,
        }
        return {name: values[what] for what, name in self.vars.items()}

    @property
    def description(self) -> str:
        """What the model predicts, as a sentence."""
        text = " ".join(self.request.label.split())
        if self.sentence.kind == "count" and self.sentence.column is None:
            text = f"count of {self.events} in {self.sentence.days} days"
        return (
            f"{text[:1].upper()}{text[1:]}, of each {self.entity.words} that had {self.events} in the last "
            f"{self.sentence.active_days} days."
        )


def plan_model(
    request: ModelRequest,
    sources: SourceSettings,
    staged: Mapping[str, Sequence[str]] | None = None,
    lookback_days: int = LOOKBACKS[0],
) -> ModelPlan:
    """Decide what is written.

    Args:
        staged: the columns of the staging model of each source that has one; others of its columns are left out.
        lookback_days: the longest window of the features.

    Raises:
        SettingsError: a source, the label or a column cannot be used; says what to do.
        SourceError: there is no such source.
    """
    staged = staged or {}
    source = sources.find_source(request.events)
    if source.grain != "daily":
        raise SettingsError(
            f"The source {request.events!r} is a snapshot: a whole copy, which has no events to count. Name a daily "
            f"source as EVENTS: {', '.join(name for name, one in sources.sources.items() if one.grain == 'daily')}."
        )
    sentence = replace(read_label(request.label, request.events), lookback_days=lookback_days)
    columns = choose_columns(request.events, source, request.entity, sentence.column, staged.get(request.events))
    label = plan_label(request.name, request.events, sentence, columns)
    entity = EntityKeys(columns.keys)
    group = request.group or f"{entity.name}_features"
    subject = name_subject(group)
    names = {
        "active": f"{subject}_active_window_days",
        "history": f"{subject}_history_days",
        "daily": f"{subject}_daily_as_of_days",
    }
    features = list_features(request.events, columns, lookback_days=lookback_days)
    main = EventPart(entity, group, request.events, subject, "", columns, features, names, lookback_days)
    further, lists = list[EventPart](), list[ListPart]()
    for name in request.also:
        other = check_further(name, request, sources, entity)
        if other.grain == "daily":
            columns = choose_columns(name, other, entity.names, None, staged.get(name))
            features = list_features(name, columns, f"{name}_", lookback_days)
            part = f"{subject}_{name}"
            further.append(EventPart(entity, group, name, part, f"{name}_", columns, features, names, lookback_days))
        else:
            lists.append(plan_list(name, other, entity, group, staged.get(name)))
    others = tuple(list_other_sources(request, sources))
    plan = ModelPlan(request, group, sentence, label, main, tuple(further), tuple(lists), others)
    _check_names(plan)
    return plan


def _check_names(plan: ModelPlan) -> None:
    entity = plan.entity
    entity.check_name()
    staging = [f"stg_{one.source}" for one in plan.parts]
    check_model_names([plan.request.name, plan.group, *staging, *plan.all_models])
    for part in plan.counted:
        daily = [
            *(f"{column.name}_{kind}" for column in part.numbers for kind in ("sum", "count")),
            *(f"{column.name}_values" for column in part.varied),
        ]
        check_column_names([*entity.names, "day", "event_count", "days_ago", *daily])
    features = [*(one.name for one in plan.event_features), *(one.name for one in plan.list_features)]
    if len(features) > MAX_FEATURES:
        raise SettingsError(
            f"{plan.group} would have {len(features)} features, and a row of PostgreSQL has room for {MAX_FEATURES}. "
            f"Name fewer sources in ALSO, or take columns that are no features out of {plan.source!r} in sources.yml."
        )
    check_column_names([*entity.names, "as_of_date", *features])
    check_column_names([*entity.names, "as_of_date", plan.label.column])
    check_column_names(list(plan.vars.values()))
