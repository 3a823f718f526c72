"""The small process that carries lineage from the spool to the warehouse.

``python -m include.governance.shipper`` runs until SIGTERM and drains once more before it exits;
``--once`` drains, prints how many events it carried, and exits.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import Final

from include.errors import SettingsError, WarehouseError
from include.governance.carrier import carry_batch
from include.governance.connection import CONNECTION_VARIABLE, URI_VARIABLE, find_warehouse_uri
from include.governance.spool import Spool
from include.governance.transport import resolve_spool
from include.settings import load_settings
from include.settings.governance import LineageSettings

log = logging.getLogger("include.governance.shipper")

_LOCK_WAIT_S: Final = 5.0


def drain(spool: Spool, uri: str, batch_size: int) -> int:
    """Carry everything that waits; the number of events taken off the spool.

    Raises:
        WarehouseError: the warehouse is away; what was not carried waits.
    """
    total = 0
    while moved := carry_batch(spool, uri, batch_size):
        total += moved
    return total


def ship(spool: Spool, uri: str, settings: LineageSettings, stop: threading.Event) -> int:
    """Carry events until ``stop`` is set, then drain once more; the number of events carried."""
    total, wait_s = 0, settings.retry_first_s
    while not stop.is_set():
        try:
            total += drain(spool, uri, settings.batch_size)
        except WarehouseError as error:
            log.warning("%s Next try in %.1f s.", error, wait_s)
            stop.wait(wait_s)
            wait_s = min(wait_s * 2, settings.retry_max_s)
        else:
            wait_s = settings.retry_first_s
            stop.wait(settings.poll_interval_s)
    try:
        total += drain(spool, uri, settings.batch_size)
    except WarehouseError as error:
        log.warning("%s The next shipper carries them.", error)
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when all went well, 1 when the warehouse or the lock was out of reach."""
    parser = argparse.ArgumentParser(prog="python -m include.governance.shipper", description=__doc__)
    parser.add_argument("--once", action="store_true", help="carry what waits, print the count, exit")
    parser.add_argument("--spool", help="folder of the spool, in place of the configured one")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = load_settings().lineage
        uri = _require_uri()
    except SettingsError as error:
        log.error("%s", error)
        return 1
    spool = resolve_spool(options.spool or settings.spool)
    with spool.hold_lock(wait_s=_LOCK_WAIT_S) as is_held:
        if not is_held:
            log.error("Another shipper carries %s; stop it first.", spool.folder)
            return 1
        spool.remove_stale_drafts()
        return (_run_once if options.once else _run)(spool, uri, settings)


def _require_uri() -> str:
    uri = find_warehouse_uri(os.environ)
    if uri is None:
        raise SettingsError(f"The warehouse is not named: set {URI_VARIABLE} or {CONNECTION_VARIABLE}.")
    return uri


def _run_once(spool: Spool, uri: str, settings: LineageSettings) -> int:
    try:
        count = drain(spool, uri, settings.batch_size)
    except WarehouseError as error:
        log.error("%s", error)
        return 1
    sys.stdout.write(f"{count} lineage events carried\n")
    return 0


def _run(spool: Spool, uri: str, settings: LineageSettings) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_request_stop, stop))
    log.info("Carrying lineage from %s.", spool.folder)
    log.info("Stopped after %d events.", ship(spool, uri, settings, stop))
    return 0


def _request_stop(stop: threading.Event, *_: object) -> None:
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
