"""Everything that the files of a new model say, decided: names, columns, label, and the vars of the dbt project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.adopt.event_columns import EventColumns, KeyColumn, VariedColumn, choose_columns
from include.adopt.event_features import HISTORY_DAYS, EventFeature, list_features
from include.adopt.label_sentence import LabelSentence, read_label
from include.adopt.planned_label import PlannedLabel, plan_label
from include.adopt.sql_names import check_column_names, check_model_names
from include.adopt.staged_columns import StagedColumn
from include.errors import SettingsError
from include.settings.sources import SourceSettings
from include.warehouse.names import MAX_NAME_BYTES


@dataclass(frozen=True)
class ModelRequest:
    """What a person asks for.

    Attributes:
        entity: the key columns.
        events: the source.
        label: a sentence.
        group: of the features; made of the entity when absent.
        approvers: those of ``governance.yml`` when empty.
    """

    name: str
    entity: tuple[str, ...]
    events: str
    label: str
    group: str | None = None
    owner: str = "analytics"
    trainer: str = "scientist"
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelPlan:
    """The names of all dbt models of a new model, and what they are made of."""

    request: ModelRequest
    group: str
    sentence: LabelSentence
    columns: EventColumns
    label: PlannedLabel
    features: tuple[EventFeature, ...]

    @property
    def source(self) -> str:
        """The source of the events."""
        return self.request.events

    @property
    def events(self) -> str:
        """The events in words."""
        return self.source.replace("_", " ")

    @property
    def keys(self) -> tuple[KeyColumn, ...]:
        """The key columns of the entity."""
        return self.columns.keys

    @property
    def key_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(key.name for key in self.keys)

    @property
    def entity(self) -> str:
        """The entity's name in meta."""
        return name_entity(self.keys)

    @property
    def entity_words(self) -> str:
        """An entity in words."""
        return " and ".join(key.stem.replace("_", " ") for key in self.keys)

    def write_grain(self, first: str = "", last: str = "") -> str:
        """What one row is of, in words: the entity, with what is named before and after it."""
        words = [word for word in (first, *(key.stem.replace("_", " ") for key in self.keys), last) if word]
        return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))

    @property
    def numbers(self) -> tuple[StagedColumn, ...]:
        """The columns that are added up."""
        return self.columns.numbers

    @property
    def varied(self) -> tuple[VariedColumn, ...]:
        """The columns whose values are counted."""
        return self.columns.varied

    @property
    def models(self) -> dict[str, str]:
        """The dbt models besides staging, by what they are."""
        subject, name = self.group.removesuffix("_features"), self.request.name
        return {
            "event_days": f"int_{subject}_event_days",
            "days": f"int_{subject}_days",
            "as_of_dates": f"int_{subject}_as_of_dates",
            "windows": f"int_{subject}_windows",
            "rhythm": f"int_{subject}_rhythm",
            **({"variety": f"int_{subject}_variety"} if self.varied else {}),
            "group": self.group,
            "latest": f"{self.group}_latest",
            "label_dates": f"int_{name}_label_dates",
            "labels": f"{name}_labels",
        }

    @property
    def vars(self) -> dict[str, str]:
        """The names of the vars of the dbt project, by what they are."""
        subject = self.group.removesuffix("_features")
        return {
            "horizon": f"{self.request.name}_horizon_days",
            "active": f"{subject}_active_window_days",
            "history": f"{subject}_history_days",
            "daily": f"{subject}_daily_as_of_days",
        }

    @property
    def var_values(self) -> dict[str, int]:
        """The vars with their values."""
        values = {
            "horizon": self.sentence.days,
            "active": self.sentence.active_days,
            "history": HISTORY_DAYS,
            "daily": 28,
        }
        return {name: values[what] for what, name in self.vars.items()}

    @property
    def description(self) -> str:
        """What the model predicts, as a sentence."""
        text = " ".join(self.request.label.split())
        if self.sentence.kind == "count":
            text = f"count of {self.events} in {self.sentence.days} days"
        return (
            f"{text[:1].upper()}{text[1:]}, of each {self.entity_words} that had {self.events} in the last "
            f"{self.sentence.active_days} days."
        )

    def match(self, left: str, right: str, indent: int = 12) -> str:
        """The condition of a join by as-of date and keys."""
        columns = ("as_of_date", *self.key_names)
        return f"\n{' ' * indent}and ".join(f"{left}.{name} = {right}.{name}" for name in columns)

    def sample(self, number: int, separator: str = ", ") -> str:
        """The keys of one of several entities for a test, as YAML."""
        return separator.join(f"{key.name}: {key.sample(number)}" for key in self.keys)


def plan_model(request: ModelRequest, sources: SourceSettings, staged: Sequence[str] | None = None) -> ModelPlan:
    """Decide what is written.

    Args:
        staged: the columns of the staging model of the source, where there is one; others are left out.

    Raises:
        SettingsError: the source, the label or a column cannot be used; says what to do.
        SourceError: there is no such source.
    """
    source = sources.find_source(request.events)
    if source.grain != "daily":
        raise SettingsError(
            f"The source {request.events!r} is a snapshot: a whole copy, which has no events to count. Name a daily "
            f"source as EVENTS: {', '.join(name for name, one in sources.sources.items() if one.grain == 'daily')}."
        )
    sentence = read_label(request.label, request.events)
    columns = choose_columns(request.events, source, request.entity, sentence.column, staged)
    label = plan_label(request.name, request.events, sentence, columns)
    group = request.group or f"{name_entity(columns.keys)}_features"
    features = list_features(request.events, columns)
    plan = ModelPlan(request, group, sentence, columns, label, features)
    _check_names(plan)
    return plan


def name_entity(keys: Sequence[KeyColumn]) -> str:
    """The name of an entity, made of its keys."""
    return "_".join(key.stem for key in keys)


def _check_names(plan: ModelPlan) -> None:
    if len(plan.entity) > MAX_NAME_BYTES:
        raise SettingsError(
            f"The entity would be called {plan.entity!r}, which has {len(plan.entity)} characters; "
            f"{MAX_NAME_BYTES} are allowed. Name fewer columns in ENTITY, or give them a shorter publish_as."
        )
    check_model_names([plan.request.name, plan.group, f"stg_{plan.source}", *plan.models.values()])
    daily = [
        *(f"{column.name}_{kind}" for column in plan.numbers for kind in ("sum", "count")),
        *(f"{column.name}_values" for column in plan.varied),
    ]
    check_column_names([*plan.key_names, "day", "event_count", "days_ago", *daily])
    check_column_names([*plan.key_names, "as_of_date", *(feature.name for feature in plan.features)])
    check_column_names([*plan.key_names, "as_of_date", plan.label.column])
    check_column_names(list(plan.vars.values()))
