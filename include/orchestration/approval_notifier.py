"""Tells the approvers of a model that a version waits for them, when its request is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseNotifier

from include.orchestration.candidate_link import find_page, read_base_url
from include.orchestration.connections import read_warehouse_uri
from include.orchestration.notifications import notify
from include.orchestration.told_events import quietly
from include.settings.models import ModelSettings
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from include.registry.ledger import RegisteredVersion

CHECKED: Final = "check_staging"
"""The task whose result names the version."""


class ApprovalNotifier(BaseNotifier):  # type: ignore[misc]
    """A notifier of Airflow's approval operator; whatever goes wrong is a warning in the log of its task."""

    def __init__(self, model: ModelSettings) -> None:
        super().__init__()
        self.model = model

    def notify(self, context: Any) -> None:
        """Tell, with the address at which an approver answers."""
        with quietly(f"The request to approve {self.model.name}"):
            version = context["ti"].xcom_pull(task_ids=CHECKED)["version"]
            link = HITLOperator.generate_link_to_ui_from_context(context=context) if read_base_url() else None
            tell_request(context, read_warehouse_uri(), self.model, version, link)


def tell_request(context: Any, uri: str, model: ModelSettings, version: int, link: str | None) -> None:
    """Tell the approvers that a version waits for them, and what it would change."""
    from include.notifications.events import describe_request

    run = f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}/{context['ti'].try_number}"
    notify(
        uri,
        describe_request(
            model.name, version, run, list_changes(uri, model.name, version), model.governance.all_approvers, link
        ),
    )


def list_changes(uri: str, model: str, version: int) -> list[str]:
    """What would change if a version became champion, a line each; first of all what the gates leave to a person."""
    from include.orchestration.deployment import list_questions
    from include.registry.ledger import read_gates, require_version
    from include.rollout.state import read_rollout

    with open_session(uri) as session:
        candidate, rollout = require_version(session, model, version), read_rollout(session, model)
        gates = read_gates(session, candidate.run_id)
        champion = None if rollout is None else require_version(session, model, rollout.champion_version)
    lines = [f"To decide. {question}" for question in list_questions(gates)]
    lines.append(f"Candidate: {describe_version(candidate)}, trained by {candidate.trained_by}.")
    lines.append(f"Champion: {describe_version(champion)}." if champion else "There is no champion yet.")
    page = find_page(model, candidate.run_id)
    return [*lines, f"All that was measured: {page}"] if page else lines


def describe_version(version: RegisteredVersion) -> str:
    """A version in a few words: what it is, and its score in the test."""
    measured = version.result
    kind = " on ".join(str(measured[key]) for key in ("family", "feature_set") if measured.get(key))
    return f"version {version.version} ({kind}), {measured['score_name']} {measured['score']:.4g}"
