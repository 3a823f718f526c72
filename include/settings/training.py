"""Settings of training, evaluation and selection (``include/config/training.yml``)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, create_model, model_validator

from include.families.discovery import FAMILIES
from include.settings.search import SearchSettings
from include.settings.section import Section
from include.settings.strategies import StrategySettings

BASELINE: Final = "baseline"

_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, le=1)]


if TYPE_CHECKING:
    FamilyName = str

    class FamilyParameters(Section):
        """Parameters of each model family, by its name; None of those that the settings leave out."""

        def __getattr__(self, family: str) -> Any: ...
else:
    FamilyName = Literal[(BASELINE, *FAMILIES)]
    FamilyParameters = create_model(
        "FamilyParameters", __base__=Section, **{name: (one.parameters | None, None) for name, one in FAMILIES.items()}
    )


class SelectionWeights(Section):
    """What a good candidate is made of; the weights sum to 1. ``score`` is the task's own score."""

    score: _Share = 0.0
    f1: _Share = 0.0
    precision: _Share = 0.0
    recall: _Share = 0.0
    training_seconds: _Share = 0.0
    size: _Share = 0.0

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        total = sum(self.model_dump().values())
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"weights that sum to 1, they sum to {total:g}")
        return self


class CostCeilings(Section):
    """The cost at which a candidate earns nothing for being cheap; no cost at all earns the whole weight."""

    training_seconds: _Positive
    size_bytes: _Count


SplitKind = Literal["time", "entity"]


class FeatureSelectionSettings(Section):
    """How a candidate chooses among its features, on training rows alone.

    Attributes:
        max_features: kept at most; None for as many as the method finds useful.
        max_rows: training rows that the method looks at, drawn by ``random_seed``.
    """

    method: Literal["none", "recursive_elimination", "importance", "mutual_information"]
    max_features: _Count | None
    max_rows: Annotated[int, Field(ge=100)]
    folds: Annotated[int, Field(ge=2)]


class LightValidationSettings(Section):
    """When a champion holds on the newest labelled cutoff, so that nothing is trained.

    Attributes:
        max_score_drop: below the score of its test; so much or more, and it does not hold.
    """

    max_score_drop: _Share = 0.05


class WandbSettings(Section):
    """Whether candidates are runs of Weights & Biases too.

    Attributes:
        project: in which; None for none at all.
        entity: the team or user whose project it is; None for that of the key.
        mode: ``offline`` writes them into a folder, from which ``wandb sync`` sends them.
    """

    project: str | None = None
    entity: str | None = None
    mode: Literal["online", "offline"] = "online"


class TrainingSettings(Section):
    """Settings of training, evaluation and selection of one model.

    Attributes:
        search: how parameters are searched for; without it, they are those of ``parameters``.
        strategies: what a training tries, by its cause.
        split: ``time``, by as-of dates, or ``entity``, by a hash of the key at the newest one.
        validation_folds: how often each candidate is validated, the validation split among them.
        decision: what the threshold of a binary model is chosen by on validation rows: the best F1, or what answers
            earn by the gate's ``value.gains``.
        pool: Airflow's pool that candidates are fitted in; it must exist.
        decision_gains: those gains, for a fit; declared with the gate alone.
        background_rows: training rows that a version carries, with which its answers are compared to explain them.
    """

    split: SplitKind = "time"
    training_cutoffs: _Count
    training_cutoff_spacing_days: _Count
    min_training_cutoffs: _Count
    min_training_rows: _Count
    min_split_count: _Count
    validation_folds: _Count = 3
    families: tuple[FamilyName, ...]
    parameters: FamilyParameters
    decision: Literal["f1", "value"] = "f1"
    decision_gains: dict[str, float] | None = None
    selection_weights: SelectionWeights
    cost_ceilings: CostCeilings
    feature_selection: FeatureSelectionSettings
    search: SearchSettings = Field(default_factory=SearchSettings)
    strategies: StrategySettings = Field(default_factory=StrategySettings)
    light_validation: LightValidationSettings = Field(default_factory=LightValidationSettings)
    wandb: WandbSettings = Field(default_factory=WandbSettings)
    random_seed: Annotated[int, Field(ge=0)]
    threads_per_fit: _Count
    pool: Annotated[str, Field(min_length=1)] = "default_pool"
    max_model_age_days: _Count
    bootstrap_repetitions: Annotated[int, Field(ge=100)]
    background_rows: Annotated[int, Field(ge=1, le=256)] = 4

    @model_validator(mode="after")
    def _check_families(self) -> Self:
        if BASELINE not in self.families or len(set(self.families)) < 2:
            raise ValueError("families to hold 'baseline' and at least one other family")
        if len(set(self.families)) < len(self.families):
            raise ValueError("each of the families once")
        for name in self.families:
            if name != BASELINE and getattr(self.parameters, name) is None:
                raise ValueError(f"parameters.{name}, as families names it")
        if self.min_training_cutoffs > self.training_cutoffs:
            raise ValueError("min_training_cutoffs to be at most training_cutoffs")
        return self

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        ensemble = self.parameters.ensemble
        for name in () if ensemble is None else ensemble.members:
            if name not in FAMILIES or name == "ensemble" or getattr(self.parameters, name) is None:
                raise ValueError(f"parameters.ensemble.members to be families with parameters, {name!r} is none")
        return self

    @model_validator(mode="after")
    def _check_spaces(self) -> Self:
        for family, spaces in self.search.spaces.items():
            if family not in FAMILIES:
                raise ValueError(f"search.spaces to be of families ({', '.join(FAMILIES)}), not {family!r}")
            usual = getattr(self.parameters, family)
            if usual is None:
                continue
            for name, space in spaces.items():
                if name not in type(usual).model_fields:
                    known = ", ".join(type(usual).model_fields)
                    raise ValueError(f"search.spaces.{family} to hold parameters of {family} ({known}), not {name!r}")
                for value in space.choices or (space.low, space.high):
                    _check_value(usual, family, name, value)
        return self


def replace_parameters(usual: Section, changed: Mapping[str, Any]) -> Section:
    """The parameters of a family with some of them changed, checked.

    Raises:
        ValidationError: a value does not fit.
    """
    values = {**usual.model_dump(mode="json"), **changed}
    return type(usual).model_validate_json(json.dumps(values), strict=True)


def _check_value(usual: Section, family: str, name: str, value: Any) -> None:
    try:
        replace_parameters(usual, {name: value})
    except ValidationError as error:
        told = error.errors()[0]["msg"].removeprefix("Input should be ")
        raise ValueError(f"search.spaces.{family}.{name}: {told}, found {value!r}") from error
