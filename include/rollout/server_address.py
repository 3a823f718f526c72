"""Where a model server is, and the token to ask it with."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServerAddress:
    """A model server as one of its callers knows it.

    Attributes:
        url: ``http://host:port``.
        token: '' for a server that asks for none.
    """

    url: str
    token: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}
