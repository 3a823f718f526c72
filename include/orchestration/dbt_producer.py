"""The task that runs ``dbt build``, reporting each node once.

Cosmos reports to Airflow with each of dbt's events: four to six times a node, with a copy of all that was reported so
far for a second try of the build. Each report is a request that dbt's threads wait for, one at a time: of the 42 s
of a build of 31 models, on two cores, 25 s.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from cosmos import settings
from cosmos.operators._watcher.base import _log_dbt_msg
from cosmos.operators.watcher import DbtProducerWatcherOperator

_REPORTED: Final = frozenset(
    {"NodeFinished", "SkippingDetails", "LogSkipBecauseError", "MainReportVersion", "AdapterRegistered"}
)
"""The events of dbt that tell the models' tasks something: what became of a node, and why it was left out."""


class SparseProducer(DbtProducerWatcherOperator):  # type: ignore[misc]
    """Cosmos's own task, which leaves out what nobody reads."""

    def execute(self, context: Any, **kwargs: Any) -> Any:
        """Run the build.

        Raises:
            AirflowFailException: a node failed, or dbt itself. Cosmos's second try would only skip itself; each model
                that was not built is tried again by its own task.
        """
        settings.enable_watcher_reliable_retry = False
        try:
            return super().execute(context, **kwargs)
        except AirflowSkipException:
            raise
        except Exception as error:
            raise AirflowFailException(f"{error} The tasks of the models say which.") from error

    def _make_parse_callable(self) -> Callable[[str, Any], None]:
        report = super()._make_parse_callable()

        def parse(line: str, extra: Any) -> None:
            event = read_event(line)
            if event is None or event["info"]["name"] in _REPORTED:
                report(line, extra)
            else:
                _log_dbt_msg(event)

        return parse


def read_event(line: str) -> dict[str, Any] | None:
    """dbt's event; ``None`` for a line of another's, such as what a driver prints."""
    try:
        return dict(json.loads(line))
    except json.JSONDecodeError:
        return None
