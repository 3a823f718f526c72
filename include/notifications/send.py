"""Sends one message to one channel, once, within a limit that holds whatever the channel does."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

from include.notifications.answer import Answer
from include.notifications.mail import send_mail
from include.notifications.message import Message
from include.notifications.post import load_certificates, post_message
from include.notifications.target import HttpTarget, Target, hide_secrets


class Attempt:
    """One attempt, in a thread of its own: a name server or a dripping answer keeps no timeout of a library's.

    A thread that is given up may deliver later all the same: a message arrives at least once.
    """

    def __init__(self, message: Message, target: Target, timeout_s: float) -> None:
        if isinstance(target, HttpTarget):
            load_certificates()  # not at the cost of the channel's time
        self._timeout_s = timeout_s
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._send, args=(message, target), name="notification", daemon=True).start()

    def _send(self, message: Message, target: Target) -> None:
        self._answers.put(send_message(message, target, self._timeout_s))

    def wait(self, left_s: float) -> Answer:
        """The answer, or after ``left_s`` that there was none."""
        try:
            return self._answers.get(timeout=max(0.0, left_s))
        except queue.Empty:
            return Answer(False, f"no answer within {self._timeout_s:g} s")


def send_message(message: Message, target: Target, timeout_s: float) -> Answer:
    """Send once; whatever goes wrong is in the answer, without secrets."""
    try:
        if isinstance(target, HttpTarget):
            answer = post_message(message, target, timeout_s)
        else:
            answer = send_mail(message, target, timeout_s)
    except Exception as error:
        answer = Answer(False, f"{type(error).__name__}: {error}")
    return replace(answer, detail=hide_secrets(answer.detail, target))
