"""A person adopts a folder at a real terminal: types answers, presses Enter, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from include.settings import PROJECT_ROOT
from tests.unit.adopt import test_adopt
from tests.unit.adopt.test_adopt import read_files

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)"),
    pytest.mark.skipif(not (PROJECT_ROOT / ".git").exists(), reason="needs the project's own history"),
]
# Fixtures: this project, a clone of it, a folder of orders and members.
project, checkout, folder = test_adopt.project, test_adopt.checkout, test_adopt.folder
# Ctrl-C is sent to what the terminal controls.
START = (
    "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "sys.argv = ['adopt', *sys.argv[1:]]; runpy.run_module('include.adopt.adopt', run_name='__main__')"
)
ENTER, CTRL_C, CTRL_D = "\n", "\x03", "\x04"
EVENTS, ENTITY, LABEL, NAME, GO_ON = (
    "is predicted from? [orders] ", "commas between them? [member_id] ", "[no orders in 28 days] ",
    "called? [orders_model] ", "Go on? yes or no: ",
)  # fmt: skip
QUESTIONS = (EVENTS, ENTITY, LABEL, NAME)
PATIENCE_S = 120


@dataclass
class Terminal:
    """A terminal in which a process runs.

    Attributes:
        screen: all that it has shown.
    """

    handle: int
    process: subprocess.Popen[bytes]
    screen: str = ""
    _answered: int = 0

    def answer(self, question: str, text: str) -> None:
        """Type, once the question is at the end of the screen and the process sleeps until something is typed.

        Python misses a Ctrl-C between the writing of a question and the sleep; a person would press it again.
        """
        while not self.screen[self._answered :].endswith(question):
            assert self._read(), f"{question!r} is not asked:\n{self.screen}"
        while psutil.Process(self.process.pid).status() == psutil.STATUS_RUNNING:
            time.sleep(0.01)
        self._answered = len(self.screen)
        os.write(self.handle, text.encode())

    def wait(self) -> int:
        """The exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_S)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.handle], [], [], PATIENCE_S)
        assert ready, f"nothing comes any more:\n{self.screen}"
        try:
            data = os.read(self.handle, 1 << 16)
        except OSError:  # as Linux ends a terminal
            data = b""
        self.screen += data.decode().replace("\r\n", "\n")
        return bool(data)


@contextmanager
def open_terminal(checkout: Path, folder: Path, *words: str) -> Iterator[Terminal]:
    """``make adopt FROM=folder`` at a terminal."""
    handle, inner = pty.openpty()
    command = [sys.executable, "-c", START, str(folder), *words]
    with subprocess.Popen(
        command, cwd=checkout, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    ) as process:
        os.close(inner)
        try:
            yield Terminal(handle, process)
        finally:
            process.kill()
            os.close(handle)


def test_a_wrong_answer_is_asked_again_and_no_at_the_end_changes_nothing(checkout: Path, folder: Path) -> None:
    before = read_files(checkout)
    with open_terminal(checkout, folder) as terminal:
        terminal.answer(EVENTS, "ordrs\n")
        terminal.answer(EVENTS, ENTER)
        terminal.answer(ENTITY, "membr\n")
        terminal.answer(ENTITY, ENTER)
        terminal.answer(LABEL, "whether they like us\n")
        terminal.answer(LABEL, "orders in 28 days\n")
        terminal.answer(NAME, "My model\n")
        terminal.answer(NAME, ENTER)
        terminal.answer(GO_ON, "no\n")
        assert terminal.wait() == 1
    said = terminal.screen
    for reason in (
        "Did you mean 'orders'?", "Did you mean 'member_id'?", "cannot be read. Write LABEL as one of",
        "cannot be called 'My model'",
    ):  # fmt: skip
        assert said.count(reason) == 1
    assert "the model orders_model: orders in 28 days." in said
    assert said.endswith("Go on? yes or no: no\nNothing was changed.\n")
    assert read_files(checkout) == before


def test_which_of_two_times_is_meant_is_asked(checkout: Path, tmp_path: Path) -> None:
    rows = [f"{n},{n % 9},2026-03-{n % 28 + 1:02},2026-03-{n % 28 + 2:02}" for n in range(300)]
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "orders.csv").write_text("\n".join(("order_id,member_id,ordered_on,sent_on", *rows)) + "\n")
    with open_terminal(checkout, tmp_path / "theirs") as terminal:
        question = "orders: which column says when a row happened? (or: sent_on, none) [ordered_on] "
        terminal.answer(question, "send_on\n")
        terminal.answer(question, "sent_on\n")
        terminal.answer(EVENTS, CTRL_C)
        assert terminal.wait() == 130
    assert "✘ 'send_on' cannot. Say none where" in terminal.screen
    assert "event_column: sent_on" in terminal.screen


@pytest.mark.parametrize(
    ("answered", "key", "code", "end"),
    [
        (1, CTRL_C, 130, "^C\nNothing was changed.\nInterrupted.\n"),
        (4, CTRL_C, 130, "^C\nNothing was changed.\nInterrupted.\n"),
        (1, CTRL_D, 1, "\n✘ The questions were left without an answer; nothing was changed.\n"),
        (4, CTRL_D, 1, "Go on? yes or no: \nNothing was changed.\n"),
    ],
)
def test_who_leaves_before_the_end_has_changed_nothing(
    checkout: Path, folder: Path, answered: int, key: str, code: int, end: str
) -> None:
    before = read_files(checkout)
    with open_terminal(checkout, folder) as terminal:
        for question in QUESTIONS[:answered]:
            terminal.answer(question, ENTER)
        terminal.answer((*QUESTIONS, GO_ON)[answered], key)
        assert terminal.wait() == code
    assert terminal.screen.endswith(end)
    assert "Traceback" not in terminal.screen
    assert read_files(checkout) == before


def test_with_enter_alone_and_a_yes_the_checkout_is_adopted(checkout: Path, folder: Path) -> None:
    with open_terminal(checkout, folder, "--owner", "growth") as terminal:
        for question in QUESTIONS:
            terminal.answer(question, ENTER)
        terminal.answer(GO_ON, "yes\n")
        assert terminal.wait() == 0
    assert "owner: growth" in (checkout / "include/config/models/orders_model.yml").read_text()
    assert not (checkout / "include/example").exists()
    assert "the examples are gone" in terminal.screen
    assert terminal.screen.count("make dbt ARGS") == 0, "what comes next is said once"
