"""The button *Candidate* of the tasks that judge and register, and the address of the page that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from include.candidate_pages.paths import find_address, find_root, model_path, run_path

if TYPE_CHECKING:
    from airflow.sdk import XComArg

RANK: Final = "rank"
"""The task whose result holds the candidate that the gates judge."""


class CandidateLink(BaseOperatorLink):  # type: ignore[misc]
    """Leads to the page of the candidate that was ranked first; before it is known, to the model's trainings."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Candidate"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The page's path; Airflow asks when the task has ended."""
        root = find_root(read_base_url())
        model, ranked = ti_key.dag_id.rpartition(".")[0], read_ranked(ti_key.dag_id, ti_key.run_id)
        return run_path(model, ranked["candidate"]["run_id"], root) if ranked else model_path(model, root)


def read_ranked(dag_id: str, run_id: str) -> Any:
    """What the task ``rank`` of a run returned; None before it has."""
    from airflow.sdk.bases.xcom import BaseXCom

    return BaseXCom.get_one(key=BaseXCom.XCOM_RETURN_KEY, task_id=RANK, dag_id=dag_id, run_id=run_id)


def link_candidate(result: XComArg) -> XComArg:
    """Give the task whose result is passed on the button."""
    result.operator.operator_extra_links = (CandidateLink(),)
    return result


def read_base_url() -> str:
    """Airflow's own address; empty where it is not set."""
    return str(conf.get("api", "base_url", fallback="") or "")


def find_link(model: str, run_id: str) -> str:
    """Where a candidate's page is for whoever is in Airflow: its address, or only its path."""
    return find_page(model, run_id) or run_path(model, run_id, find_root(read_base_url()))


def find_page(model: str, run_id: str) -> str | None:
    """The address of a candidate's page, for whoever is not in Airflow; None where it is not known."""
    return find_address(read_base_url(), model, run_id)
