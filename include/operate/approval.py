"""Answers what a deployment asks of a person: yes by itself where that was asked for, else as a person says."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from include.errors import StackError

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi
    from include.settings.models import ModelSettings

TASK: Final = "approve"
YES: Final = "Approve"
NO: Final = "Reject"
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0


def find_approver(model: ModelSettings, users: Collection[str]) -> str | None:
    """The first approver of a model, other than its trainer, who is a user; None where nobody is asked.

    Raises:
        StackError: a person is asked, and none of them is a user.
    """
    if not model.governance.is_approval_required:
        return None
    if known := list_known(model, users):
        return known[0]
    approvers = ", ".join(model.governance.all_approvers)
    raise StackError(
        f"Nobody could approve {model.name}: of its approvers ({approvers}) none besides the trainer is a user of the "
        f"stack ({', '.join(users)}). Change governance.approvers in include/config/models/{model.name}.yml."
    )


def list_known(model: ModelSettings, users: Collection[str]) -> list[str]:
    """The approvers of a model, other than its trainer, who are users."""
    trainer = model.trainer.casefold()
    return [name for name in model.governance.all_approvers if name in users and name.casefold() != trainer]


@dataclass
class ApprovalDesk:
    """Answers the approval requests of one model with yes, as the first approver who is a user.

    Attributes:
        login: Airflow as one of its users.
        users: of Airflow whose passwords are known; the first one looks.
    """

    model: ModelSettings
    login: Callable[[str], AirflowApi]
    users: Collection[str]
    pause_s: float = _FIRST_PAUSE_S
    _asked_at: float | None = None

    def look(self, run_id: str, tasks: list[dict[str, Any]]) -> None:
        """Answer if the run asks. A question that comes back, because its task was tried again, is answered again."""
        if not any(task["task_id"] == TASK and task["state"] == "awaiting_input" for task in tasks):
            self._asked_at = None
            return
        self._asked_at = self._asked_at or time.monotonic()
        # Airflow loses an answer that comes while the worker that asked is still ending; then it asks again.
        if time.monotonic() < self._asked_at + self.pause_s:
            return
        request = self._find_request(run_id)
        if request is not None and self.answer(run_id, request):
            self._asked_at = None
            self.pause_s = min(2 * self.pause_s, _LONGEST_PAUSE_S)

    def answer(self, run_id: str, request: dict[str, Any]) -> bool:  # noqa: ARG002 - for those who read it
        """Answer one request; whether that was done.

        Args:
            request: as Airflow describes it: ``subject``, ``body``….
        """
        approver = find_approver(self.model, self.users)
        return approver is not None and self.give_answer(approver, run_id, YES)

    def give_answer(self, user: str, run_id: str, chosen: str) -> bool:
        """Whether the answer was taken; one that was not is given again at the next look.

        Raises:
            StackError: Airflow does not let the user answer.
        """
        try:
            self.login(user).answer_approval(self.dag_id, run_id, TASK, chosen)
        except StackError as error:
            if "status 403" in str(error):
                raise
            return False
        return True

    def _find_request(self, run_id: str) -> dict[str, Any] | None:
        try:
            return self.login(next(iter(self.users))).find_waiting_approval(self.dag_id, run_id, TASK)
        except StackError:
            return None

    @property
    def dag_id(self) -> str:
        """The DAG that asks."""
        return f"{self.model.name}.deploy_model"


def ignore(_: str) -> None:
    """Tell nobody."""


@contextmanager
def no_pause() -> Iterator[None]:
    """Nothing to pause while a person reads."""
    yield


@dataclass
class TerminalDesk(ApprovalDesk):
    """Shows each request to the person at the terminal and gives their answer, in the name of an approver.

    Attributes:
        tell: says a line beside the progress.
        ask: prints a text and returns what the person typed.
        pause: within it nothing else is drawn on the terminal.
        is_left: the person leaves it to somebody else; the run waits for an answer in Airflow's UI.
    """

    tell: Callable[[str], None] = ignore
    ask: Callable[[str], str] = input
    pause: Callable[[], AbstractContextManager[None]] = no_pause
    is_left: bool = False

    def answer(self, run_id: str, request: dict[str, Any]) -> bool:
        """Ask the person, once for each request."""
        if self.is_left:
            return False
        approver = find_approver(self.model, self.users)
        if approver is None:
            return False
        with self.pause():
            chosen = self._ask(approver, request)
        if chosen is None:
            self.is_left = True
            self.tell(describe_waiting(self.model, self.users, self.login(approver).url, run_id))
            return False
        return self.give_answer(approver, run_id, chosen)

    def _ask(self, approver: str, request: dict[str, Any]) -> str | None:
        text = "\n".join(("", str(request.get("subject") or ""), "", str(request.get("body") or ""), ""))
        question = f"{text}\nApprove {self.model.name} as {approver}? yes, no, or later (in Airflow): "
        while True:
            try:
                word = self.ask(question).strip().casefold()
            except EOFError:
                return None
            for answer, chosen in (("yes", YES), ("no", NO), ("later", None)):
                if word and answer.startswith(word):
                    return chosen
            question = "Please type yes, no or later: "


@dataclass
class WaitingDesk(ApprovalDesk):
    """Answers nothing: nobody is at the terminal, and the answer is given in Airflow's UI.

    Attributes:
        tell: says once where.
    """

    tell: Callable[[str], None] = ignore
    is_told: bool = False

    def answer(self, run_id: str, request: dict[str, Any]) -> bool:  # noqa: ARG002 - of the interface
        """Say where, and leave it."""
        if not self.is_told:
            self.is_told = True
            self.tell(describe_waiting(self.model, self.users, self.login(next(iter(self.users))).url, run_id))
        return False


def describe_waiting(model: ModelSettings, users: Collection[str], airflow: str, run_id: str) -> str:
    """Who may answer, and where: of the approvers those who are users of this Airflow, as far as these are known."""
    approvers = " or ".join(list_known(model, users) or model.governance.all_approvers)
    return (
        f"{model.name} waits for {approvers}: open {airflow}/dags/{model.name}.deploy_model/runs/{quote(run_id)} in a "
        "browser, tab Required Actions."
    )
