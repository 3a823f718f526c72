"""Runs the trials of a study within its budget."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from include.settings.search import SearchSettings
from include.training.search.samplers import build_pruner, build_sampler
from include.training.search.spaces import Space

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FIRST_SHARE: Final = 0.25
"""Of the newest fold's rows to fit on: what a trial shows on them may end it."""

TREES: Final = "trees"
"""Attribute of a trial: how many boosted trees were best, as the mean over the folds."""


class Scored(NamedTuple):
    """A score, and after how many trees the fit ended; None where all were fitted."""

    score: float
    trees: int | None = None


Score = Callable[[Mapping[str, Any], int, float], Scored]
"""The score of parameters on a fold, by its position, fitted on a share of its rows."""


def open_study(
    storage: BaseStorage, name: str, space: Space, usual: Mapping[str, Any], search: SearchSettings, seed: int
) -> Study:
    """The study of a name, made if there is none; what the settings say is tried first."""
    import optuna

    sampler = build_sampler(search.method, space, seed, is_shared=search.workers > 1)
    study = optuna.create_study(
        storage=storage, study_name=name, load_if_exists=True, direction="maximize",
        sampler=sampler, pruner=build_pruner(search.method),
    )  # fmt: skip
    known = {key: one.encode(usual[key]) for key, one in space.items()}
    if search.method != "grid" and all(value is not None for value in known.values()):
        study.enqueue_trial(known, skip_if_exists=True)
    return study


def run_trials(study: Study, score: Score, folds: int, space: Space, search: SearchSettings) -> None:
    """Run trials until the budget of the study, which other workers may share, is spent."""

    def objective(trial: Trial) -> float:
        parameters = {name: one.suggest(trial, name) for name, one in space.items()}
        return measure_trial(trial, lambda fold, share: score(parameters, fold, share), folds, search)

    def stop(study: Study, trial: FrozenTrial) -> None:  # noqa: ARG001
        if is_spent(study, search):
            study.stop()

    if space and not is_spent(study, search):
        study.optimize(objective, callbacks=[stop])


def measure_trial(trial: Trial, score: Callable[[int, float], Scored], folds: int, search: SearchSettings) -> float:
    """The mean score over the folds; a trial that falls behind the others on the way is pruned.

    Steps are 2 for the newest fold, then twice the one before for each fold; when halving, 1 comes before them, for a
    share of the newest fold's rows. Few rows favour simple models, so that no other method looks at them.
    """
    import math

    import optuna

    found: list[Scored] = []
    first = 0 if search.method == "halving" else 1
    for step in range(first, folds + 1):
        scored = score(max(step - 1, 0), FIRST_SHARE if step == 0 else 1.0)
        value = scored.score
        if not math.isfinite(value):
            raise optuna.TrialPruned
        if step:
            found.append(scored)
            value = statistics.fmean(one.score for one in found)
        trial.report(value, 2**step)
        if step < folds and trial.should_prune():
            raise optuna.TrialPruned
    if trees := [one.trees for one in found if one.trees is not None]:
        trial.set_user_attr(TREES, round(statistics.fmean(trees)))
    return value


def is_spent(study: Study, search: SearchSettings) -> bool:
    """Whether the finished trials of a study, whoever ran them, use up its budget."""
    from optuna.trial import TrialState

    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    seconds = sum(one.duration.total_seconds() for one in done if one.duration is not None)
    complete = [one for one in done if one.state == TrialState.COMPLETE and one.value is not None]
    if len(done) >= search.trials or (search.seconds is not None and seconds >= search.seconds):
        return True
    if search.patience is None or not complete:
        return False
    best = max(complete, key=lambda one: (one.value or 0.0, -one.number))
    return sum(one.number > best.number for one in done) >= search.patience
