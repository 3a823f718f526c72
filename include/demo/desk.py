"""Who answers in the demo: the trainer tries first and is refused, then an approver says yes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.errors import StackError
from include.operate.approval import TASK, ApprovalDesk


@dataclass
class DemoDesk(ApprovalDesk):
    """Answers the approval requests of one model.

    Attributes:
        is_trainer_refused: whether Airflow refused the trainer's own approval; None while it was not tried, or when
            the trainer is no user.
    """

    is_trainer_refused: bool | None = None

    def answer(self, run_id: str, request: dict[str, Any]) -> bool:
        """Let the trainer try, then answer as the approver."""
        if self.is_trainer_refused is None and self.model.trainer in self.users:
            self.is_trainer_refused = self._try_trainer(run_id)
        return super().answer(run_id, request)

    def _try_trainer(self, run_id: str) -> bool | None:
        """Whether Airflow forbids the trainer to approve; None when it did not answer."""
        try:
            self.login(self.model.trainer).answer_approval(self.dag_id, run_id, TASK)
        except StackError as error:
            return True if "status 403" in str(error) else None
        return False
