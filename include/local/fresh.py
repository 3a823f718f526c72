"""A demo starts from nothing, so that its figures are its own; it never clears what is not a demo's."""

from __future__ import annotations

import shutil

from include.errors import StackError
from include.local.home import StackHome
from include.local.stack import start_stack, stop_stack
from include.warehouse.session import open_session

MARKER = "started-by-demo"


def clear_earlier_demo(home: StackHome) -> None:
    """Stop and remove what an earlier demo left in this folder, finished or interrupted.

    The shop's files stay: they are the same for the same day.

    Raises:
        StackError: the folder holds a warehouse that no demo has made.
    """
    marker = home.path / "demo" / MARKER
    if home.postgres.exists() and not marker.exists() and holds_data(home):
        raise StackError(
            f"{home.path} holds a stack that was not made by the demo, and the demo would replace its data. "
            f"Give the demo a folder of its own (make demo ARGS='--home {home.path}-demo'), or stop the stack "
            f"(make down) and remove {home.path}."
        )
    stop_stack(home)
    for folder in (home.postgres, home.artifacts, home.airflow, home.lineage_spool, home.models):
        if folder.exists():
            shutil.rmtree(folder)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def holds_data(home: StackHome) -> bool:
    """Whether anything was ever published in this folder's warehouse; starts the stack to look."""
    with open_session(start_stack(home).uris.warehouse) as session:
        return bool(session.fetch_value("select exists (select from raw.partitions)"))
