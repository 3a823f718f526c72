"""Whether a long piece of work has stopped moving: told by what it changes, not by how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

PATIENCE_S: Final = 600.0
_QUIET_S: Final = 15.0


@dataclass
class StallWatch:
    """Counts the time in which nothing has changed at all.

    Signs that are cheap to read are noted at every look. After a while without a change the ones that cost more are
    read too. A look that comes late (a busy machine, a suspended one) counts as a short one.

    Attributes:
        read_more: the costly signs.
        idle_s: seconds without any change.
    """

    read_more: Callable[[], Hashable] = lambda: None
    patience_s: float = PATIENCE_S
    clock: Callable[[], float] = time.monotonic
    idle_s: float = 0.0
    _looked_at: float | None = None
    _asked_at_idle_s: float = 0.0
    _signs: Hashable = None
    _more: Hashable = field(default=object)

    def note(self, signs: Hashable) -> bool:
        """Take note of a look; True when nothing has moved for so long that nothing will."""
        looked_at, self._looked_at = self._looked_at, self.clock()
        elapsed_s = 0.0 if looked_at is None else min(self._looked_at - looked_at, _QUIET_S)
        if signs != self._signs:
            self._signs = signs
            self._reset()
            return False
        self.idle_s += elapsed_s
        if self.idle_s - self._asked_at_idle_s < _QUIET_S:
            return False
        self._asked_at_idle_s = self.idle_s
        more = self.read_more()
        if more != self._more:
            self._more = more
            self._reset()
            return False
        return self.idle_s >= self.patience_s

    def _reset(self) -> None:
        self.idle_s = self._asked_at_idle_s = 0.0
