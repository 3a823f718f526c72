"""The search of one candidate: from its training set to the settings with the best parameters in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from include.families.discovery import FAMILIES
from include.features.spec import ModelSpec
from include.settings.search import SearchSettings
from include.settings.section import Section
from include.settings.training import TrainingSettings, replace_parameters
from include.tasks import TASKS
from include.training.search.folds import FoldScorer, Stopping
from include.training.search.spaces import Space, adapt_spaces
from include.training.search.studies import name_study, open_studies
from include.training.search.trials import TREES, Scored, is_spent, open_study, run_trials
from include.training.splits import TrainingData

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

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
    search, usual = settings.search, getattr(settings.parameters, family)
    scorer = FoldScorer(data, family, TASKS[spec.task], spec.horizon_days, settings)
    space = adapt_spaces(search.spaces[family], scorer.shape, spec.task)
    space, stopping = leave_out_trees(space, family, usual, search)
    known = usual.model_dump(mode="json")
    with open_studies(studies_uri) as storage:
        study = open_study(storage, name, space, known, search, settings.random_seed)
        if search.workers == 1 or studies_uri is None or is_spent(study, search):
            work(study, scorer, space, stopping)
        else:
            _share_work(scorer, space, stopping, name, studies_uri)
        return _conclude(study, family, space, known, len(scorer.folds), settings)


def work(study: Study, scorer: FoldScorer, space: Space, stopping: Stopping | None) -> None:
    """Run trials until the budget of the study is spent."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    settings, family = scorer.settings, scorer.family
    known = getattr(settings.parameters, family).model_dump(mode="json")

    def score(parameters: Mapping[str, Any], fold: int, share: float) -> Scored:
        chosen = scorer.folds[fold]
        taken = chosen if share == 1.0 else chosen.take(share, settings.random_seed)
        if stopping is None or _is_usual(parameters, known):
            return Scored(scorer.score(taken, _apply(settings, family, parameters)))
        tried = {**parameters, stopping.rounds.parameter: stopping.most_trees}
        return Scored(*scorer.score_stopped(taken, _apply(settings, family, tried), stopping))

    # Limits hold for libraries that are loaded: the scorer, which has prepared the folds, has loaded scikit-learn.
    with threadpool_limits(settings.threads_per_fit):
        run_trials(study, score, len(scorer.folds), space, settings.search)


def _share_work(scorer: FoldScorer, space: Space, stopping: Stopping | None, name: str, studies_uri: str) -> None:
    """Run trials of one study in several processes."""
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    workers = scorer.settings.search.workers
    Parallel(n_jobs=workers)(delayed(_join_study)(scorer, space, stopping, name, studies_uri) for _ in range(workers))


def _join_study(scorer: FoldScorer, space: Space, stopping: Stopping | None, name: str, studies_uri: str) -> None:
    settings = scorer.settings
    usual = getattr(settings.parameters, scorer.family).model_dump(mode="json")
    with open_studies(studies_uri) as storage:
        work(open_study(storage, name, space, usual, settings.search, settings.random_seed), scorer, space, stopping)


def leave_out_trees(space: Space, family: str, usual: Section, search: SearchSettings) -> tuple[Space, Stopping | None]:
    """The space without the number of boosted trees, where fits end early, and how they do.

    A fit has at most the highest number of the space, or else the settings' own. Fits do not end early unless the
    settings say so, or where nothing else is searched.
    """
    rounds, patience = FAMILIES[family].rounds, search.early_stopping_rounds
    others = {} if rounds is None else {name: one for name, one in space.items() if name != rounds.parameter}
    if rounds is None or patience is None or not others:
        return space, None
    found = space.get(rounds.parameter)
    most = getattr(usual, rounds.parameter) if found is None else max(map(found.decode, found.list_values()))
    return others, Stopping(rounds, most, patience)


def _is_usual(parameters: Mapping[str, Any], usual: Mapping[str, Any]) -> bool:
    """Whether parameters are the settings' own; those are scored with all of their trees."""
    return all(usual[name] == value for name, value in parameters.items())


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
    parameters = {} if best is None else _decode(space, best, family)
    same = [one.value for one in complete if _is_usual(_decode(space, one, family), usual)]
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
                "parameters": _decode(space, one, family),
            }
            for one in trials
        ),
        settings=_apply(settings, family, parameters),
    )


def _decode(space: Space, trial: FrozenTrial, family: str) -> dict[str, Any]:
    """The parameters of a trial, with the number of trees after which its fits ended."""
    rounds, trees = FAMILIES[family].rounds, trial.user_attrs.get(TREES)
    ended = {} if rounds is None or trees is None else {rounds.parameter: trees}
    return {name: space[name].decode(value) for name, value in trial.params.items()} | ended
