"""Steady real requests to the model server: random entities of a model's online table."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from include.errors import SourceError
from include.rollout.server_address import ServerAddress
from include.warehouse.session import open_session

if TYPE_CHECKING:
    import httpx

    from include.features.spec import ModelSpec

Keys = dict[str, Any]
"""The values of an entity's keys by name, in JSON types."""

TOKEN_VARIABLE: Final = "ORRERY_SERVER_TOKEN"  # noqa: S105 - the variable's name
REFUSED: Final = frozenset({401, 403})
"""Answers of a server that lets the caller not ask."""

_MAX_ENTITIES: Final = 10_000
_STOP_S: Final = 30.0


@dataclass
class Traffic:
    """Asks one model about random entities, ``rate`` requests a second, until stopped.

    Use as a context manager. It begins when the model can answer. ``answers`` counts HTTP status codes; 0 stands for
    no answer at all. A server that refuses the token is asked no more: the refusal is the only answer.
    """

    server: ServerAddress
    model: str
    entities: Sequence[Keys]
    rate: float = 120.0
    seed: int = 7
    answers: Counter[int] = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Traffic:
        self._thread = threading.Thread(target=self._send_all, name=f"traffic-{self.model}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=_STOP_S)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return sum(self.answers.values())

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return sum(count for status, count in self.answers.items() if status != 200)

    @property
    def refusal(self) -> str | None:
        """That the server lets nobody in with this token, and what to do; None where it did not say so."""
        refused = REFUSED & self.answers.keys()
        if not refused:
            return None
        return (
            f"{self.model}: {self.server.url} refuses the token ({min(refused)}). Put one with the role predict into "
            f"{TOKEN_VARIABLE}; an address that is no name of the server is refused, too (server.allowed_hosts)."
        )

    def _send_all(self) -> None:
        if not self._wait_until_ready():
            return
        chooser = random.Random(self.seed)  # noqa: S311 - traffic, not a secret
        next_at = time.monotonic()
        with self._connect() as client:
            while not self._stop.is_set():
                self._send_one(client, chooser.choice(self.entities))
                next_at = max(next_at + 1 / self.rate, time.monotonic() - 0.5)
                self._stop.wait(max(0.0, next_at - time.monotonic()))

    def _wait_until_ready(self) -> bool:
        """Clients come when there is a champion to answer; False when it was stopped before, or lets nobody in."""
        import httpx

        with self._connect() as client:
            while not self._stop.wait(0.2):
                try:
                    status = client.get(f"/models/{self.model}/readyz").status_code
                except httpx.HTTPError:
                    continue
                if status in REFUSED:
                    self.answers[status] += 1
                    return False
                if status == 200:
                    return True
        return False

    def _connect(self) -> httpx.Client:
        import httpx

        # trust_env: loopback is never behind a proxy, whatever the environment says.
        return httpx.Client(base_url=self.server.url, headers=self.server.headers, timeout=10, trust_env=False)

    def _send_one(self, client: httpx.Client, keys: Keys) -> None:
        import httpx

        try:
            answer = client.post(f"/models/{self.model}/predict", json={"keys": keys})
        except httpx.HTTPError:
            self.answers[0] += 1
            return
        self.answers[answer.status_code] += 1


def read_entities(uri: str, spec: ModelSpec, limit: int = _MAX_ENTITIES) -> list[Keys]:
    """The keys of random entities that a model can be asked about by key.

    Raises:
        SourceError: the model's first feature group has no online table, or there is nothing in it.
        WarehouseError: the warehouse is away.
    """
    online = spec.groups[0].online
    if online is None:
        raise SourceError(
            f"The feature group {spec.groups[0].name} has no online table, so that {spec.name} cannot be asked by key. "
            "Name one in the group's meta (`online`)."
        )
    names = ", ".join(f'"{name}"' for name in spec.entity.key_names)
    with open_session(uri) as session:
        if session.fetch_value("select to_regclass(%s)", (online.quoted,)) is None:
            raise SourceError(f"{online} does not exist yet: run the DAG build_features, then ask {spec.name} again.")
        rows = session.fetch_all(f"select {names} from {online.quoted} order by random() limit %s", (limit,))
    if not rows:
        raise SourceError(f"{online} is empty: there is nothing to ask {spec.name} about. Run the DAG build_features.")
    return [{name: to_json_value(value) for name, value in row.items()} for row in rows]


def to_json_value(value: Any) -> Any:
    """A key's value as JSON knows it: dates and UUIDs as text."""
    return str(value) if isinstance(value, date | UUID) else value
