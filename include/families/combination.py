"""Several fitted models whose answers become one: their mean, or what a final model learned of unseen rows.

The final model of classes is a logistic regression on the members' log-odds (stacking: Wolpert, 1992; with one member
it is a calibration: Platt, 1999). That of numbers is a linear regression without negative weights (Breiman, 1996).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.families.family import FitContext, Rows

    Floats = npt.NDArray[np.floating[Any]]

CERTAINTY: Final = 1e-4
"""No probability counts as nearer than this to 0 or 1: in float32 the log-odds of others mean nothing."""
FOLDS: Final = 5
"""Of the training rows, where time says nothing about which to hold out."""


class Combination:
    """The members' mean, or a final model on top of them; in the form that scikit-learn's pipelines take."""

    def __init__(self, members: Sequence[Any], context: FitContext, *, is_stacked: bool) -> None:
        """Of unfitted pipelines over the same inputs."""
        self.members = list(members)
        self.context = context
        self.is_stacked = is_stacked
        self.final: Any = None

    def fit(self, inputs: Any, labels: Any) -> Combination:
        """Fit the final model on what members say of rows that are held out from them, then all members on all rows."""
        import numpy as np

        if self.is_stacked:
            parts, truths = [], []
            for fitted, held_out in self._hold_out(labels):
                for member in self.members:
                    member.fit(take_rows(inputs, fitted), labels[fitted])
                parts.append(self._describe(take_rows(inputs, held_out)))
                truths.append(labels[held_out])
            self.final = self._build_final().fit(np.concatenate(parts), np.concatenate(truths))
        for member in self.members:
            member.fit(inputs, labels)
        return self

    def predict_proba(self, inputs: Any) -> Floats:
        """Probabilities, [n, classes]."""
        import numpy as np

        if self.final is None:
            mean: Floats = np.mean([member.predict_proba(inputs) for member in self.members], axis=0)
            return mean
        probabilities: Floats = self.final.predict_proba(self._describe(inputs))
        return probabilities

    def predict(self, inputs: Any) -> Floats:
        """Values, [n]; of a regression."""
        import numpy as np

        if self.final is None:
            mean: Floats = np.mean([member.predict(inputs) for member in self.members], axis=0)
            return mean
        values: Floats = self.final.predict(self._describe(inputs))
        return values

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=True))

    def __sklearn_is_fitted__(self) -> bool:
        return all(member.__sklearn_is_fitted__() for member in self.members)

    def _hold_out(self, labels: Any) -> Iterator[tuple[Rows, Rows]] | Sequence[tuple[Rows, Rows]]:
        from sklearn.model_selection import KFold, StratifiedKFold

        if self.context.held_out:
            return self.context.held_out
        kind = KFold if self.context.task == "regression" else StratifiedKFold
        found: Iterator[tuple[Rows, Rows]] = kind(FOLDS, shuffle=True, random_state=self.context.seed).split(
            labels, labels
        )
        return found

    def _describe(self, inputs: Any) -> Floats:
        """What the final model takes: log-odds (binary, [n, members]), log-probabilities, or values."""
        import numpy as np

        if self.context.task == "regression":
            return np.column_stack([member.predict(inputs) for member in self.members]).astype(np.float64)
        columns = []
        for member in self.members:
            probabilities = np.clip(member.predict_proba(inputs).astype(np.float64), CERTAINTY, 1 - CERTAINTY)
            logs = np.log(probabilities)
            columns.append(logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs)
        return np.concatenate(columns, axis=1)

    def _build_final(self) -> Any:
        from sklearn.linear_model import LinearRegression, LogisticRegression

        if self.context.task == "regression":
            return LinearRegression(positive=True)
        return LogisticRegression(random_state=self.context.seed, max_iter=1000)


def take_rows(inputs: Any, rows: Rows) -> Any:
    """Rows by position, of an array or a frame."""
    return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]
