"""One criterion and how it came out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One criterion: what was observed, what the limit is, and in words why it passed or not.

    ``observed`` is None where there was nothing to observe; ``threshold`` is in the same unit. One that has not passed
    and is not clear has not failed either: too little is known yet.
    """

    name: str
    is_passed: bool
    observed: float | None
    threshold: float | None
    reason: str
    is_clear: bool = True

    @property
    def has_failed(self) -> bool:
        """Whether it is known that the limit is exceeded."""
        return self.is_clear and not self.is_passed


def list_failures(checks: tuple[Check, ...]) -> str:
    """The reasons of the checks that did not pass, as one line; empty if all passed."""
    return "; ".join(f"{check.name}: {check.reason}" for check in checks if not check.is_passed)
