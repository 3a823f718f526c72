"""Steady real requests to the model server: the shop's own traffic, replayed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.warehouse.session import open_session

if TYPE_CHECKING:
    import httpx


@dataclass
class Traffic:
    """Asks for the churn score of random households, ``rate`` requests a second, until stopped.

    Use as a context manager. ``answers`` counts HTTP status codes; 0 stands for no answer at all.
    """

    server_url: str
    warehouse_uri: str
    rate: float = 120.0
    seed: int = 7
    answers: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Traffic:
        self._thread = threading.Thread(target=self._send_all, name="traffic", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return sum(self.answers.values())

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return sum(count for status, count in self.answers.items() if status != 200)

    def _send_all(self) -> None:
        households = self._read_households()
        if not self._wait_until_ready():
            return
        chooser = random.Random(self.seed)  # noqa: S311 - traffic, not a secret
        next_at = time.monotonic()
        with self._connect() as client:
            while not self._stop.is_set():
                self._send_one(client, chooser.choice(households))
                next_at = max(next_at + 1 / self.rate, time.monotonic() - 0.5)
                self._stop.wait(max(0.0, next_at - time.monotonic()))

    def _wait_until_ready(self) -> bool:
        """Customers come when there is a champion to answer; False when it was stopped before."""
        import httpx

        with self._connect() as client:
            while not self._stop.wait(0.2):
                try:
                    if client.get("/readyz").status_code == 200:
                        return True
                except httpx.HTTPError:
                    continue
        return False

    def _connect(self) -> httpx.Client:
        import httpx

        # trust_env: loopback is never behind a proxy, whatever the environment says.
        return httpx.Client(base_url=self.server_url, timeout=10, trust_env=False)

    def _send_one(self, client: httpx.Client, household_id: int) -> None:
        import httpx

        try:
            answer = client.post("/predict", json={"household_id": household_id})
        except httpx.HTTPError:
            self.answers[0] += 1
            return
        self.answers[answer.status_code] += 1

    def _read_households(self) -> list[int]:
        with open_session(self.warehouse_uri) as session:
            rows = session.fetch_all("select household_id from online.customer_features order by household_id")
        return [int(row["household_id"]) for row in rows]
