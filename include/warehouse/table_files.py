"""Tables that several tasks of one machine read: fetched from the warehouse once, and kept as an Arrow file.

A file counts while the table holds the very row versions that it was read from, so that it can be no older than the
table. Where there is none, be it on another machine, the table is read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.warehouse.arrow import read_table
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_IDENTITY: Final = b"orrery.row_versions"
_PRIVATE: Final = 0o700
_PLAIN: Final = "r"


def read_kept_table(uri: str, name: TableName) -> pa.Table | None:
    """A whole table (see :func:`include.warehouse.arrow.read_table`), from its file where that is the table of now.

    A view or a partitioned table has no row versions of its own, and is read.

    Returns:
        None where there is no such table.

    Raises:
        WarehouseError: the warehouse is away, or refuses.
    """
    with open_session(uri) as session:
        kind = session.fetch_value(
            "select (select relkind::text from pg_class where oid = to_regclass(%s))", [name.quoted]
        )
        identity = _identify(session, uri, name) if kind == _PLAIN else ""
    if kind is None:
        return None
    folder = find_folder() if identity else None
    if folder is None:
        return read_table(uri, name)
    path = folder / f"{name.schema}.{name.name}.arrow"
    kept = _open_file(path, identity)
    if kept is not None:
        return kept
    table = read_table(uri, name)
    with open_session(uri) as session:
        is_same = _identify(session, uri, name) == identity
    if is_same:
        _write_file(path, table, identity)
    return table


def keep_table(uri: str, name: TableName) -> None:
    """Have a table that was just written in its file, for the tasks that read it next.

    In a context without a trace: what was written is no input of the same work.
    """
    Context().run(read_kept_table, uri, name)


def _identify(session: Session, uri: str, name: TableName) -> str:
    """What changes with every committed change of a plain table's rows or columns; empty where it is gone.

    A row version is known by the transaction that made it and by its place (``xmin`` and ``ctid``, PostgreSQL's
    documentation, "System Columns"); a hash of both is summed over all rows. The highest ``xmin`` alone would miss an
    older transaction that commits later.
    """
    table = session.fetch_one(
        "select pg_postmaster_start_time()::text as started_at, oid::bigint, relfilenode::bigint, "
        "(select md5(string_agg(format('%%s %%s %%s', attname, atttypid, atttypmod), ',' order by attnum)) "
        "from pg_attribute where attrelid = pg_class.oid and attnum > 0) as columns "
        "from pg_class where oid = to_regclass(%s)",
        (name.quoted,),
    )
    if table is None:
        return ""
    versions = "sum(hashtextextended(xmin::text || ctid::text, 0)) as versions"
    rows = session.fetch_one(f"select count(*), {versions} from {name.quoted}")
    return hashlib.sha256(repr((uri, table, rows)).encode()).hexdigest()


def find_folder() -> Path | None:
    """Where this user's files are, which nobody else can read or write; None where there can be no such folder."""
    folder = Path(tempfile.gettempdir()) / f"orrery-tables-{os.getuid()}"
    try:
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        log.warning("No table is kept as a file: %s", error)
        return None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != _PRIVATE:
        log.warning("No table is kept as a file: %s is not a folder that only this user can enter. Remove it.", folder)
        return None
    return folder


def _open_file(path: Path, identity: str) -> pa.Table | None:
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowInvalid) as error:
        log.warning("The file of a table cannot be read, the table is: %s", error)
        return None
    metadata = dict(table.schema.metadata or {})
    if metadata.pop(_IDENTITY, b"") != identity.encode():
        return None
    return table.replace_schema_metadata(metadata or None)


def _write_file(path: Path, table: pa.Table, identity: str) -> None:
    """Replace the file in one step; without room for it there is none."""
    import pyarrow as pa

    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), _IDENTITY: identity.encode()})
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    try:
        with pa.OSFile(temporary, "wb") as sink, pa.ipc.new_file(sink, marked.schema) as writer:
            writer.write_table(marked)
        Path(temporary).replace(path)
    except OSError as error:
        log.warning("The table is not kept as a file, every task reads it: %s", error)
        with suppress(OSError):
            Path(temporary).unlink()
