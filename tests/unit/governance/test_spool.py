"""The spool keeps whole events only, and has one carrier at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from include.governance.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_events_wait_in_the_order_in_which_they_came(spool: Spool) -> None:
    for number in range(5):
        spool.append(f"{number}".encode())

    assert [path.read_bytes() for path in spool.list_waiting()] == [b"0", b"1", b"2", b"3", b"4"]
    assert len(spool.list_waiting(2)) == 2


def test_a_spool_that_does_not_exist_yet_is_empty(spool: Spool) -> None:
    assert spool.list_waiting() == []
    assert not spool.is_paused(60)


def append_until_killed(folder: Path) -> None:
    while True:
        Spool(folder).append(b"x" * 200_000)


def test_a_writer_killed_at_any_moment_leaves_only_whole_events(spool: Spool) -> None:
    for _ in range(5):
        writer = multiprocessing.get_context("spawn").Process(target=append_until_killed, args=(spool.folder,))
        writer.start()
        before = len(spool.list_waiting())
        while len(spool.list_waiting()) <= before:
            time.sleep(0.01)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()

    assert {path.stat().st_size for path in spool.list_waiting()} == {200_000}


def test_a_full_disk_is_reported_and_leaves_no_draft(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "full").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        append_through(spool, tmp_path / "full")

    assert spool.list_waiting() == []
    assert not list(tmp_path.glob("*.draft"))


def append_through(spool: Spool, target: Path) -> None:
    """Append with drafts that are links to a device without space."""
    original = Path.open

    def open_target(self: Path, *args: object, **kwargs: object) -> object:
        if self.suffix == ".draft":
            self.symlink_to(target)
        return original(self, *args, **kwargs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", open_target)
        spool.append(b"event")


def test_a_rejected_event_stands_beside_its_reason(spool: Spool) -> None:
    path = spool.append(b"no event")

    spool.reject(path, "not JSON")

    assert spool.list_waiting() == []
    assert (spool.rejected_folder / path.name).read_bytes() == b"no event"
    assert (spool.rejected_folder / f"{path.stem}.reason.txt").read_text() == "not JSON\n"


def test_only_drafts_whose_writer_is_long_gone_are_removed(spool: Spool) -> None:
    spool.folder.mkdir()
    old, new = spool.folder / "old.draft", spool.folder / "new.draft"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200, time.time() - 7200))

    spool.remove_stale_drafts()

    assert [path.name for path in spool.folder.glob("*.draft")] == ["new.draft"]


def test_one_carrier_at_a_time(spool: Spool) -> None:
    with spool.hold_lock() as first, spool.hold_lock() as second:
        assert first
        assert not second

    with spool.hold_lock() as again:
        assert again


def test_a_pause_ends_by_itself(spool: Spool) -> None:
    spool.folder.mkdir()

    spool.pause()

    assert spool.is_paused(60)
    assert not spool.is_paused(0)
