"""Members together: their mean, or a final model that learned on rows held out from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline

from include.families.combination import Combination
from include.families.family import FitContext
from include.settings.task_name import TaskName


class Recorder(LogisticRegression):
    """Notes how many rows it was fitted on, and says too little or too much by a factor."""

    fitted: list[int]

    def fit(self, X: Any, y: Any) -> Recorder:  # noqa: N803
        self.__dict__.setdefault("fitted", []).append(len(X))
        super().fit(X, y)
        self.coef_ = self.coef_ * 3
        self.intercept_ = self.intercept_ * 3
        return self


def make_rows(task: TaskName, n: int = 4000) -> tuple[Any, Any]:
    """Two columns and a label that they decide with noise."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(n, 2)).astype(np.float32)
    value = rows[:, 0] + 0.5 * rows[:, 1] + generator.logistic(size=n)
    if task == "regression":
        return rows, value * 3 + 1
    return rows, np.digitize(value, [0.0] if task == "binary" else [-1.0, 1.0])


def wrap(*estimators: Any) -> list[Pipeline]:
    """Each as a pipeline of one step."""
    return [Pipeline([("estimate", estimator)]) for estimator in estimators]


def test_a_vote_is_the_mean_of_the_members() -> None:
    rows, labels = make_rows("multiclass")
    members = wrap(LogisticRegression(C=0.001), LogisticRegression(C=1.0))
    model = Combination(members, FitContext("multiclass", 1, 1), is_stacked=False).fit(rows, labels)
    alone = [LogisticRegression(C=strength).fit(rows, labels).predict_proba(rows) for strength in (0.001, 1.0)]
    np.testing.assert_allclose(model.predict_proba(rows), np.mean(alone, axis=0))


def test_values_are_averaged_too() -> None:
    rows, labels = make_rows("regression")
    members = wrap(LinearRegression(), LinearRegression(fit_intercept=False))
    model = Combination(members, FitContext("regression", 1, 1), is_stacked=False).fit(rows, labels)
    alone = [LinearRegression(fit_intercept=flag).fit(rows, labels).predict(rows) for flag in (True, False)]
    np.testing.assert_allclose(model.predict(rows), np.mean(alone, axis=0))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_final_model_corrects_probabilities_that_are_too_sure(task: TaskName) -> None:
    rows, labels = make_rows(task)
    model = Combination(wrap(Recorder()), FitContext(task, 1, 1), is_stacked=True).fit(rows, labels)
    right = LogisticRegression().fit(rows, labels).predict_proba(rows)
    wrong = model.members[0].predict_proba(rows)
    assert np.abs(model.predict_proba(rows) - right).mean() < 0.02 < 0.1 < np.abs(wrong - right).mean()


def test_the_final_model_learns_on_the_rows_that_time_holds_out() -> None:
    rows, labels = make_rows("binary")
    held_out = [(np.arange(1000), np.arange(1000, 1300))]
    model = Combination(wrap(Recorder()), FitContext("binary", 1, 1, held_out), is_stacked=True).fit(rows, labels)
    assert model.members[0][-1].fitted == [1000, 4000]
    early, late = Recorder().fit(rows[:1000], labels[:1000]), slice(1000, 1300)
    odds = np.clip(early.decision_function(rows[late]), *np.log([1e-4 / (1 - 1e-4), (1 - 1e-4) / 1e-4]))
    expected = LogisticRegression(random_state=1, max_iter=1000).fit(odds[:, None], labels[late])
    np.testing.assert_allclose(model.final.coef_, expected.coef_, rtol=1e-4)


def test_without_time_every_row_is_held_out_once() -> None:
    rows, labels = make_rows("binary")
    model = Combination(wrap(Recorder()), FitContext("binary", 1, 1), is_stacked=True).fit(rows, labels)
    assert model.members[0][-1].fitted == [3200] * 5 + [4000]


def test_stacked_values_follow_the_better_member() -> None:
    rows, labels = make_rows("regression")
    generator = np.random.default_rng(5)

    class Guess(LinearRegression):
        def predict(self, X: Any) -> Any:  # noqa: N803
            return generator.normal(size=len(X))

    model = Combination(wrap(LinearRegression(), Guess()), FitContext("regression", 1, 1), is_stacked=True)
    good, bad = model.fit(rows, labels).final.coef_
    assert good > 0.9
    assert bad < 0.2
