"""Which features a candidate relies on, and whether the same ones in every part of the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from include.evaluation.attributions import Attribution, measure_attributions
from include.evaluation.candidate import Candidate
from include.evaluation.robustness import draw_rows
from include.features.matrix import MISSING_TEXT, FeatureMatrix
from include.training.compare import measure_score
from include.training.splits import SplitData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]


REPETITIONS: Final = 4


@dataclass(frozen=True)
class InterpretabilityEvidence:
    """What the features mean to a model.

    Attributes:
        shares: of all importance, that of each feature, the highest first; empty when none matters.
        agreement: how much of the importance two folds give to the same features, the mean over pairs of folds.
        missing_feature: the one whose absence knows most of the label; None where nothing is ever missing.
        missing_score: what it knows, on the scale of ``Task.score_features``.
        attributions: what the features do to the answers to single rows; nothing is judged by them.
    """

    shares: dict[str, float]
    agreement: float
    missing_feature: str | None
    missing_score: float
    attributions: tuple[Attribution, ...] = ()


def measure_interpretability(candidate: Candidate) -> InterpretabilityEvidence:
    """The loss of score when a feature is shuffled (Breiman, 2001), in each fold of the validation and test rows."""
    import numpy as np

    limits = candidate.model.gates.interpretability
    found = np.array([weigh_features(candidate, fold) for fold in split_rows(candidate)])
    total = found.mean(axis=0)
    order = np.argsort(-total, kind="stable")
    names = candidate.onnx.contract.feature_names
    shares = {names[at]: float(total[at] / total.sum()) for at in order if total[at] > 0}
    pairs = [measure_agreement(first, second) for first, second in combinations(found, 2)]
    feature, score = find_telling_absence(candidate, limits.max_rows)
    attributions = measure_attributions(candidate)
    return InterpretabilityEvidence(shares, float(np.mean(pairs)), feature, score, attributions)


def split_rows(candidate: Candidate) -> list[SplitData]:
    """The rows of validation and test in random parts of equal size; of each part at most so many are looked at."""
    import numpy as np

    limits, data = candidate.model.gates.interpretability, candidate.data
    rows = join_splits(data.validation, data.test)
    places = np.random.default_rng(candidate.seed).permutation(len(rows.labels)) % limits.folds
    most = max(limits.max_rows // limits.folds, 1)
    return [draw_rows(rows.take(places == fold), most, candidate.seed) for fold in range(limits.folds)]


def join_splits(first: SplitData, second: SplitData) -> SplitData:
    """The rows of both."""
    import numpy as np

    one, two = first.matrix, second.matrix
    matrix = replace(
        one,
        numeric=np.concatenate([one.numeric, two.numeric]),
        categorical=np.concatenate([one.categorical, two.categorical]),
    )
    return SplitData(matrix, np.concatenate([first.labels, second.labels]), np.concatenate([first.days, second.days]))


def weigh_features(candidate: Candidate, fold: SplitData) -> Numbers:
    """The loss of score of each feature of the model when it is shuffled among the rows, at least 0, [k].

    The mean over ``REPETITIONS`` shuffles: of few rows, one alone would say something else each time.
    """
    import numpy as np

    task, onnx = candidate.task, candidate.onnx
    matrix = fold.matrix.select(onnx.contract.feature_names)
    generator = np.random.default_rng(candidate.seed)
    orders = [generator.permutation(len(matrix)) for _ in range(REPETITIONS)]
    score = measure_score(task, fold.labels, onnx.predict(matrix))
    shuffled = [
        [measure_score(task, fold.labels, onnx.predict(replace_column(matrix, name, order))) for order in orders]
        for name in onnx.contract.feature_names
    ]
    losses: Numbers = np.maximum(score - np.array(shuffled).mean(axis=1), 0.0)
    return losses


def replace_column(matrix: FeatureMatrix, name: str, order: npt.NDArray[Any]) -> FeatureMatrix:
    """The rows with one feature in another order."""
    numeric, categorical = matrix.numeric.copy(), matrix.categorical.copy()
    if name in matrix.numeric_names:
        at = matrix.numeric_names.index(name)
        numeric[:, at] = numeric[order, at]
    else:
        at = matrix.categorical_names.index(name)
        categorical[:, at] = categorical[order, at]
    return replace(matrix, numeric=numeric, categorical=categorical)


def measure_agreement(first: Numbers, second: Numbers) -> float:
    """The overlap of two divisions of importance: 1 for the same, 0 for no feature in common or none that matters."""
    import numpy as np

    if not (first.sum() > 0 and second.sum() > 0):
        return 0.0
    return float(np.minimum(first / first.sum(), second / second.sum()).sum())


def find_telling_absence(candidate: Candidate, most: int) -> tuple[str | None, float]:
    """The feature of which being missing tells most of the label, with its score; None where nothing is missing."""
    import numpy as np

    sample = draw_rows(candidate.data.test, most, candidate.seed)
    matrix = sample.matrix.select(candidate.onnx.contract.feature_names)
    is_missing = np.concatenate([np.isnan(matrix.numeric), matrix.categorical == MISSING_TEXT], axis=1)
    varies = np.flatnonzero(is_missing.any(axis=0) & ~is_missing.all(axis=0))
    if not len(varies):
        return None, 0.0
    scores = candidate.task.score_features(is_missing[:, varies].astype(np.float64), sample.labels)
    best = int(np.argmax(scores))
    return matrix.names[varies[best]], float(scores[best])
