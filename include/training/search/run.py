"""The search of one candidate: from its training set to the settings with the best parameters in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings, replace_parameters
from include.tasks import TASKS
from include.training.search.folds import FoldScorer
from include.training.search.spaces import Space, adapt_spaces
from include.training.search.studies import name_study, open_studies
from include.training.search.trials import open_study, run_trials
from include.training.splits import TrainingData

if TYPE_CHECKING:
    from optuna import Study

OFF: Final = "none"


@dataclass(frozen=True)
class SearchResult:
    """What a search has found.

    Attributes:
        parameters: the best ones; empty when no trial was finished.
        score: their mean over the folds.
        usual_score: that of the settings' own, on the same folds; None where the space leaves them out.
        trials: number, state, score (None if pruned), seconds and parameters of each.
        settings: of the training, with the best parameters in them.
    """

    study: str
    method: str
    folds: int
    parameters: Mapping[str, Any]
    score: float | None
    usual_score: float | None
    trials: tuple[Mapping[str, Any], ...]
    settings: TrainingSettings

    def describe(self) -> dict[str, Any]:
        """As ``search.json`` holds it."""
        return {key: value for key, value in asdict(self).items() if key != "settings"}

    def summarise(self) -> dict[str, Any]:
        """The method, the study, the number of trials, and the scores."""
        known = {key: getattr(self, key) for key in ("method", "study", "score", "usual_score")}
        return {**known, "trials": len(self.trials)}


def search_parameters(
    data: TrainingData,
    family: str,
    spec: ModelSpec,
    settings: TrainingSettings,
    data_version: str,
    feature_set: str | None = None,
    studies_uri: str | None = None,
) -> SearchResult | None:
    """Search for the parameters of a family as the settings say; None where there is nothing to search.

    Args:
        data: with the features that the candidate learns from.
        studies_uri: of the warehouse that keeps the trials; without it they are this process's own.

    Raises:
        WarehouseError: the warehouse is away.
    """
    if settings.search.method == OFF or family not in settings.search.spaces:
        return None
    names = [item.name for item in data.features]
    name = name_study(spec, family, feature_set, names, data_version, settings)
    return search_data(data, family, spec, settings, name, studies_uri)


def search_data(
    data: TrainingData, family: str, spec: ModelSpec, settings: TrainingSettings, name: str, studies_uri: str | None
) -> SearchResult:
    """As :func:`search_parameters`, under a study's name."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    search, usual = settings.search, getattr(settings.parameters, family)
    # Limits hold for libraries that are loaded: the scorer, which prepares the folds, loads scikit-learn.
    scorer = FoldScorer(data, family, TASKS[spec.task], spec.horizon_days, settings)
    with threadpool_limits(settings.threads_per_fit), open_studies(studies_uri) as storage:
        space = adapt_spaces(search.spaces[family], scorer.shape, spec.task)

        def score(parameters: Mapping[str, Any], fold: int, share: float) -> float:
            chosen = scorer.folds[fold]
            taken = chosen if share == 1.0 else chosen.take(share, settings.random_seed)
            return scorer.score(taken, _apply(settings, family, parameters))

        known = usual.model_dump(mode="json")
        study = open_study(storage, name, space, known, search, settings.random_seed)
        run_trials(study, score, len(scorer.folds), space, search)
        return _conclude(study, family, space, known, len(scorer.folds), settings)


def _apply(settings: TrainingSettings, family: str, parameters: Mapping[str, Any]) -> TrainingSettings:
    """The settings with some parameters of a family changed."""
    changed = replace_parameters(getattr(settings.parameters, family), parameters)
    return settings.model_copy(update={"parameters": settings.parameters.model_copy(update={family: changed})})


def _conclude(
    study: Study, family: str, space: Space, usual: Mapping[str, Any], folds: int, settings: TrainingSettings
) -> SearchResult:
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    complete = [one for one in trials if one.state == TrialState.COMPLETE and one.value is not None]
    best = max(complete, key=lambda one: (one.value or 0.0, -one.number), default=None)
    parameters = {} if best is None else _decode(space, best.params)
    same = [
        one.value for one in complete if all(usual[key] == value for key, value in _decode(space, one.params).items())
    ]
    return SearchResult(
        study=study.study_name,
        method=settings.search.method,
        folds=folds,
        parameters=parameters,
        score=None if best is None else best.value,
        usual_score=same[0] if same else None,
        trials=tuple(
            {
                "number": one.number,
                "state": one.state.name.lower(),
                "score": one.value if one.state == TrialState.COMPLETE else None,
                "seconds": None if one.duration is None else round(one.duration.total_seconds(), 3),
                "parameters": _decode(space, one.params),
            }
            for one in trials
        ),
        settings=_apply(settings, family, parameters),
    )


def _decode(space: Space, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: space[name].decode(value) for name, value in parameters.items()}
