"""The methods of feature selection; each says of every feature whether it is kept, its rank and score, and why.

A category counts as one feature, by the position of its value, and a missing number as the median.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.features.matrix import FeatureMatrix
from include.tasks.task import Task
from include.training.compare import measure_score
from include.training.families import build_family, build_inputs, build_pipeline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.settings.training import TrainingSettings
    from include.tasks.task import Labels

    Scores = npt.NDArray[np.float64]

REPETITIONS: Final = 3
ELIMINATION_STEP: Final = 0.1
"""The share of the features that one round of elimination drops."""


@dataclass(frozen=True)
class FeatureVerdict:
    """Whether a feature is kept; ``rank`` is 1 for the best, rank and score are None where it was not looked at."""

    feature: str
    is_kept: bool
    rank: int | None
    score: float | None
    reason: str


@dataclass(frozen=True)
class Sample:
    """Training rows to select on: features that are not constant, and ``labels`` as the task encodes them, [n]."""

    matrix: FeatureMatrix
    labels: Labels


def judge_information(sample: Sample, family: str, task: Task, settings: TrainingSettings) -> list[FeatureVerdict]:  # noqa: ARG001
    """Mutual information with the label (Kraskov et al., 2004), above the most that shuffled labels reach."""
    import numpy as np
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    estimate = mutual_info_classif if _is_classes(sample.labels) else mutual_info_regression
    columns = encode_columns(sample, task, settings)
    is_discrete = [len(np.unique(column)) <= 2 for column in columns.T]
    is_discrete[len(sample.matrix.numeric_names) :] = [True] * len(sample.matrix.categorical_names)
    shuffled = np.random.default_rng(settings.random_seed).permutation(sample.labels)
    options = {"discrete_features": np.array(is_discrete), "random_state": settings.random_seed}
    scores = estimate(columns, sample.labels, **options)
    limit = float(estimate(columns, shuffled, **options).max())
    is_good = scores > limit
    return give_verdicts(
        sample.matrix.names, scores, is_good, settings.feature_selection.max_features,
        f"above {limit:.4g} nats, the most that a feature tells of shuffled labels",
        f"not above {limit:.4g} nats, the most that a feature tells of shuffled labels",
    )  # fmt: skip


def judge_importance(sample: Sample, family: str, task: Task, settings: TrainingSettings) -> list[FeatureVerdict]:
    """The loss of score when a feature is shuffled in folds that the family was not fitted on (Breiman, 2001)."""
    import numpy as np
    from sklearn.inspection import permutation_importance

    def score(model: Any, rows: Any, labels: Labels) -> float:
        return measure_score(task, labels, task.predict(model, rows))

    losses = []
    for fitted, held_out in split_folds(sample.labels, settings):
        model = build_family(family, sample.matrix.take(fitted), task, settings)
        model.fit(build_inputs(sample.matrix.take(fitted)), sample.labels[fitted])
        found = permutation_importance(
            model, build_inputs(sample.matrix.take(held_out)), sample.labels[held_out],
            scoring=score, n_repeats=REPETITIONS, random_state=settings.random_seed,
        )  # fmt: skip
        losses.append(found.importances)
    each = np.concatenate(losses, axis=1)
    means, errors = each.mean(axis=1), each.std(axis=1, ddof=1) / np.sqrt(each.shape[1])
    return give_verdicts(
        sample.matrix.names, means, means > 2 * errors, settings.feature_selection.max_features,
        "shuffling it costs score, by more than two standard errors",
        "shuffling it costs no score beyond two standard errors",
    )  # fmt: skip


def judge_elimination(sample: Sample, family: str, task: Task, settings: TrainingSettings) -> list[FeatureVerdict]:  # noqa: ARG001
    """Recursive elimination (Guyon et al., 2002) by a random forest, to the fewest features within one standard error.

    The score is the forest's importance of the feature among all of them.
    """
    import numpy as np
    from sklearn.feature_selection import RFE, RFECV

    columns, labels = encode_columns(sample, task, settings), sample.labels
    names, limit = sample.matrix.names, settings.feature_selection.max_features or columns.shape[1]

    def score(model: Any, rows: Any, expected: Labels) -> float:
        return measure_score(task, expected, task.predict(model, rows))

    folds = list(split_folds(labels, settings))
    # Each split looks at all features: with a share of them, dropping one would change the forest in other ways too.
    forest = build_pipeline("random_forest", sample.matrix, task, settings)[-1].set_params(max_features=None)
    search = RFECV(forest, step=ELIMINATION_STEP, cv=folds, scoring=score).fit(columns, labels)
    found = search.cv_results_
    counts, means = np.asarray(found["n_features"]), np.asarray(found["mean_test_score"])
    best = int(means.argmax())
    error = float(found["std_test_score"][best]) / np.sqrt(len(folds))
    wanted = int(counts[means >= means[best] - error].min())
    count = min(wanted, limit)
    final = RFE(forest, n_features_to_select=count, step=ELIMINATION_STEP).fit(columns, labels)
    scores = forest.fit(columns, labels).feature_importances_
    order = np.lexsort((-scores, final.ranking_))
    ranks = np.empty(len(names), dtype=int)
    ranks[order] = np.arange(1, len(names) + 1)
    told = f"{wanted} features score within one standard error ({error:.4f}) of the best, {means[best]:.4f}"
    told += f"; max_features allows {limit}" if count < wanted else ""
    return [
        FeatureVerdict(
            name, bool(keep), int(rank), float(score),
            f"among the last {count}: {told}" if keep else f"eliminated {int(step) - 1} rounds before the end: {told}",
        )
        for name, keep, rank, score, step in zip(names, final.support_, ranks, scores, final.ranking_, strict=True)
    ]  # fmt: skip


def give_verdicts(
    names: Sequence[str], scores: Scores, is_good: npt.NDArray[np.bool_], limit: int | None, kept: str, dropped: str
) -> list[FeatureVerdict]:
    """Keep what is good, at most ``limit`` of it, and the best one if nothing is.

    Args:
        scores: [k], higher is better.
        kept: why a good feature is kept.
        dropped: why another is not.
    """
    import numpy as np

    verdicts = []
    for rank, index in enumerate(np.argsort(-scores, kind="stable"), start=1):
        is_kept, reason = bool(is_good[index]), kept if is_good[index] else dropped
        if is_kept and limit is not None and rank > limit:
            is_kept, reason = False, f"beyond max_features, {limit}"
        elif rank == 1 and not is_good.any():
            is_kept, reason = True, f"the best of those that are all {dropped}"
        verdicts.append(FeatureVerdict(names[index], is_kept, rank, float(scores[index]), reason))
    return verdicts


def encode_columns(sample: Sample, task: Task, settings: TrainingSettings) -> Any:
    """One float column for each feature, [n, k], as a random forest takes them."""
    prepare = build_pipeline("random_forest", sample.matrix, task, settings)[:-1]
    return prepare.fit_transform(build_inputs(sample.matrix))


def split_folds(labels: Labels, settings: TrainingSettings) -> Iterator[tuple[Any, Any]]:
    """Rows to fit on and rows held out, by position; each fold has the classes in their shares."""
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if _is_classes(labels) else KFold
    folds = kind(settings.feature_selection.folds, shuffle=True, random_state=settings.random_seed)
    yield from folds.split(labels, labels)


def _is_classes(labels: Labels) -> bool:
    import numpy as np

    return bool(np.issubdtype(labels.dtype, np.integer))


METHODS: Final[Mapping[str, Callable[[Sample, str, Task, TrainingSettings], list[FeatureVerdict]]]] = {
    "recursive_elimination": judge_elimination,
    "importance": judge_importance,
    "mutual_information": judge_information,
}
