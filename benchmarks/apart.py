"""Work in a new process, whose memory is its own."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from benchmarks.catalog import BenchmarkError

Given = ParamSpec("Given")
Found = TypeVar("Found")


def run_apart(work: Callable[Given, Found], *arguments: Given.args, **options: Given.kwargs) -> tuple[Found, float]:
    """Do ``work`` in a new process; what it returns, and the greatest memory that the process had, in MB.

    Raises:
        BenchmarkError: it failed; its error stands above.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, work, arguments, options))
    process.start()
    sender.close()
    try:
        result: tuple[Found, float] = receiver.recv()
    except EOFError as error:
        raise BenchmarkError(f"{work.__name__} failed; see above.") from error
    finally:
        process.join()
    return result


def _report(sender: Any, work: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    found = work(*arguments, **options)
    sender.send((found, read_peak_mb()))


def read_peak_mb() -> float:
    """The most memory that this process has had, in MB; Linux counts that of its parent into ``getrusage``."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
