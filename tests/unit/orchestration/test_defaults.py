"""Which failures are tried again."""

from __future__ import annotations

import pytest

from include import errors
from include.errors import OrreryError, PermanentError, StackError, TransientError
from include.orchestration.defaults import RETRY_POLICY, dag_defaults


def all_errors(root: type[OrreryError]) -> set[type[OrreryError]]:
    """A class and everything below it."""
    return {root}.union(*(all_errors(child) for child in root.__subclasses__()))


def shared_errors(root: type[OrreryError]) -> list[type[OrreryError]]:
    """Those of them that everybody shares; what else is known depends on which modules were imported before."""
    return sorted(
        (kind for kind in all_errors(root) if kind.__module__ == errors.__name__), key=lambda kind: kind.__name__
    )


@pytest.mark.parametrize(
    "kind", [kind for kind in shared_errors(PermanentError) if not issubclass(kind, TransientError)]
)
def test_what_would_fail_again_is_not_retried(kind: type[OrreryError]) -> None:
    decision = RETRY_POLICY.evaluate(kind("the reason"), try_number=1, max_tries=3)
    assert decision.action.value == "fail"


@pytest.mark.parametrize("kind", shared_errors(TransientError))
def test_what_may_pass_is_retried(kind: type[OrreryError]) -> None:
    decision = RETRY_POLICY.evaluate(kind("MLflow is away"), try_number=1, max_tries=3)
    assert decision.action.value == "default"


def test_an_error_that_nobody_foresaw_is_retried() -> None:
    assert RETRY_POLICY.evaluate(RuntimeError("?"), try_number=1, max_tries=3).action.value == "default"


def test_every_error_says_whether_trying_again_helps() -> None:
    known = {kind for kind in all_errors(OrreryError) if kind.__module__.startswith("include.")}
    undecided = known - all_errors(PermanentError) - all_errors(TransientError)
    assert undecided == {OrreryError, *all_errors(StackError)}  # the stack's own commands are not run by Airflow
    assert errors.__doc__ is not None


def test_retries_wait_longer_each_time() -> None:
    arguments = dag_defaults("doc", "tag")["default_args"]
    assert arguments["retries"] == 3
    assert arguments["retry_exponential_backoff"]
