"""What a person asks for of a new model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelRequest:
    """What a person asks for.

    Attributes:
        entity: the key columns.
        events: the source.
        label: a sentence.
        also: further sources of which features are made.
        group: of the features; made of the entity when absent.
        approvers: those of ``governance.yml`` when empty.
    """

    name: str
    entity: tuple[str, ...]
    events: str
    label: str
    also: tuple[str, ...] = ()
    group: str | None = None
    owner: str = "analytics"
    trainer: str = "scientist"
    approvers: tuple[str, ...] = ()
