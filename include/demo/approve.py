"""Answers what a deployment asks of a person: the trainer tries first and is refused, then an approver says yes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.errors import StackError

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi
    from include.settings.models import ModelSettings

TASK: Final = "approve"
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 60.0


def find_approver(model: ModelSettings, users: Collection[str]) -> str | None:
    """The first approver of a model, other than its trainer, who is a user; None where nobody is asked.

    Raises:
        StackError: a person is asked, and none of them is a user.
    """
    if not model.governance.is_approval_required:
        return None
    approvers = model.governance.all_approvers
    for name in approvers:
        if name in users and name.casefold() != model.trainer.casefold():
            return name
    raise StackError(
        f"Nobody could approve {model.name}: of its approvers ({', '.join(approvers)}) none besides the trainer is a "
        f"user of the stack ({', '.join(users)}). Change governance.approvers in "
        f"include/config/models/{model.name}.yml."
    )


@dataclass
class ApprovalDesk:
    """Answers the approval requests of one model.

    Attributes:
        login: Airflow as one of its users.
        is_trainer_refused: whether Airflow refused the trainer's own approval; None while it was not tried, or when
            the trainer is no user.
    """

    model: ModelSettings
    login: Callable[[str], AirflowApi]
    users: Collection[str]
    is_trainer_refused: bool | None = None
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
        approver = find_approver(self.model, self.users)
        if approver is None or not self._is_open(run_id):
            return
        if self.is_trainer_refused is None and self.model.trainer in self.users:
            self.is_trainer_refused = self._try_trainer(run_id)
        if self._answer(approver, run_id):
            self._asked_at = None
            self.pause_s = min(2 * self.pause_s, _LONGEST_PAUSE_S)

    def _is_open(self, run_id: str) -> bool:
        try:
            waiting = self.login("admin").find_waiting_approval(self.dag_id, run_id, TASK)
        except StackError:
            return False
        return waiting is not None

    def _try_trainer(self, run_id: str) -> bool | None:
        """Whether Airflow forbids the trainer to approve; None when it did not answer."""
        try:
            self.login(self.model.trainer).answer_approval(self.dag_id, run_id, TASK)
        except StackError as error:
            return True if "status 403" in str(error) else None
        return False

    def _answer(self, user: str, run_id: str) -> bool:
        """Whether the answer was taken; one that was not is given again at the next look.

        Raises:
            StackError: Airflow does not let the approver answer.
        """
        try:
            self.login(user).answer_approval(self.dag_id, run_id, TASK)
        except StackError as error:
            if "status 403" in str(error):
                raise
            return False
        return True

    @property
    def dag_id(self) -> str:
        """The DAG that asks."""
        return f"{self.model.name}.deploy_model"
