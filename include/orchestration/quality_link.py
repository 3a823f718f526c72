"""The button *Quality* of an audit's task, which opens the page of what its run has audited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from include.quality.page_paths import find_root, run_path

if TYPE_CHECKING:
    from airflow.sdk import XComArg


class QualityLink(BaseOperatorLink):  # type: ignore[misc]
    """Leads to the page of the task's run."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Quality"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The page's path; an audit has the id of its run."""
        return run_path(ti_key.run_id, find_root(conf.get("api", "base_url", fallback="")))


def link_quality(audited: XComArg) -> XComArg:
    """Give the task whose result is passed on the button."""
    audited.operator.operator_extra_links = (QualityLink(),)
    return audited
