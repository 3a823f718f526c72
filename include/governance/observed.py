"""What a trace observed, as OpenLineage datasets."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.errors import WarehouseError
from include.feature_quality.online import ColumnCopy
from include.governance.column_lineage import ColumnLineage, SourceColumn
from include.governance.commit_facet import COMMIT_FACET, build_commit_facet
from include.governance.datasets import (
    Columns,
    DatasetNames,
    build_inputs,
    build_outputs,
    keep_flow,
    read_columns,
)
from include.governance.dbt_events import build_column_facet
from include.governance.quality_facets import add_quality_facets
from include.quality.report import BatchQuality
from include.warehouse.names import TableName
from include.warehouse.partitions import find_parents
from include.warehouse.session import open_session
from include.warehouse.trace import TableTrace

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset

log = logging.getLogger(__name__)


def is_flow_touched(trace: TableTrace) -> bool:
    """Whether there is anything to report."""
    return bool(keep_flow(trace.reads) or keep_flow(trace.writes))


def describe_trace(trace: TableTrace, uri: str) -> tuple[list[InputDataset], list[OutputDataset]]:
    """The tables that were read, and those whose writes were committed, as inputs and outputs.

    A partition stands under the name of its table. Each output says when it was committed. What an audit found in
    a table's rows stands in its data-quality facets.

    Args:
        uri: of the warehouse that the tables are in; asked for columns and partitions, and left alone when
            it does not answer.
    """
    reads, writes = keep_flow(trace.reads), keep_flow(trace.writes)
    parents, columns = _read_layout(uri, dict.fromkeys([*reads, *writes]))
    names = DatasetNames.from_uri(uri)
    commits = {parents.get(table, table): trace.writes[table] for table in sorted(writes, key=trace.writes.__getitem__)}
    inputs = build_inputs(names, dict.fromkeys(parents.get(table, table) for table in reads), columns)
    written = list(dict.fromkeys(parents.get(table, table) for table in writes))
    outputs = build_outputs(names, written, columns)
    for table, output in zip(written, outputs, strict=True):
        output.facets = {**(output.facets or {}), COMMIT_FACET: build_commit_facet(commits[table])}
    _add_copies(trace, names, outputs)
    for table, notes in trace.notes.items():
        name, found = names.name_table(table), [note for note in notes if isinstance(note, BatchQuality)]
        add_quality_facets(
            found, [one for one in inputs if one.name == name], [one for one in outputs if one.name == name]
        )
    return inputs, outputs


def _add_copies(trace: TableTrace, names: DatasetNames, outputs: Iterable[OutputDataset]) -> None:
    """Say of which columns those of a written copy are."""
    copies = {
        names.name_table(table): note
        for table, notes in trace.notes.items()
        for note in notes
        if isinstance(note, ColumnCopy)
    }
    for output in outputs:
        copy = copies.get(output.name)
        if copy is not None:
            direct = {name: {SourceColumn(copy.source, name): "IDENTITY"} for name in copy.columns}
            facet = build_column_facet(ColumnLineage(direct), names)
            output.facets = {**(output.facets or {}), "columnLineage": facet}


def _read_layout(uri: str, tables: Iterable[TableName]) -> tuple[dict[TableName, TableName], Columns]:
    """The tables of partitions and the columns of all; without the warehouse, nothing and a warning."""
    import psycopg

    touched = list(tables)
    try:
        with open_session(uri, connect_timeout_s=2) as session:
            parents = find_parents(session, touched)
            return parents, read_columns(session, {parents.get(table, table) for table in touched})
    except (WarehouseError, psycopg.Error) as error:
        log.warning("Lineage goes without columns: %s", error)
        return {}, {}
