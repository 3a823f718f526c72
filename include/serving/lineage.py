"""Each model on the server as a run in the lineage, once its first answers are logged: what it reads and writes.

The event is built as plain JSON, because the server's image carries no OpenLineage client. Schema:
https://openlineage.io/spec/2-0-2/OpenLineage.json
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from include.governance.carrier import carry_inline
from include.governance.commit_facet import COMMIT_FACET, describe_commit
from include.governance.datasets import DatasetNames
from include.governance.spool import Spool
from include.settings.governance import LineageSettings
from include.warehouse.names import TableName

log = logging.getLogger(__name__)

ROLLOUTS: Final = TableName("serving", "rollouts")
INFERENCE_LOG: Final = TableName("serving", "inference_log")
_PRODUCER: Final = "urn:orrery:include/serving"
_SCHEMA_URL: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


def build_serving_event(
    uri: str, model_name: str, online_tables: Sequence[TableName], run_id: str, at: datetime
) -> dict[str, Any]:
    """A RUNNING event of the job ``model_server.<model>`` with the tables of one warehouse.

    Args:
        uri: ``postgresql://user:password@host:port/database``; only host, port and database are used.
        at: with a time zone.
    """
    names = DatasetNames.from_uri(uri)

    def describe(tables: Sequence[TableName]) -> list[dict[str, str]]:
        return [{"namespace": names.namespace, "name": names.name_table(table)} for table in tables]

    return {
        "eventType": "RUNNING",
        "eventTime": at.isoformat(),
        "run": {"runId": run_id},
        "job": {"namespace": "orrery", "name": f"model_server.{model_name}"},
        "inputs": describe([*online_tables, ROLLOUTS]),
        "outputs": [{**one, "facets": {COMMIT_FACET: describe_commit(at)}} for one in describe([INFERENCE_LOG])],
        "producer": _PRODUCER,
        "schemaURL": _SCHEMA_URL,
    }


def report_serving(
    spool: Spool, uri: str, settings: LineageSettings, model_name: str, online_tables: Sequence[TableName]
) -> None:
    """Put one model's run on this server into the lineage; whatever goes wrong is logged, serving comes first."""
    event = build_serving_event(uri, model_name, online_tables, str(uuid.uuid4()), datetime.now(UTC))
    try:
        spool.append(json.dumps(event).encode())
        carry_inline(spool, uri, settings)
    except Exception as error:
        log.warning("The lineage of this server waits in %s: %s", spool.folder, error)
