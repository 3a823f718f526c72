"""What a first model is to be: said on the command line, or asked at the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from include.adopt.keys import is_id_name
from include.errors import AdoptError

if TYPE_CHECKING:
    from include.adopt.inbox import InboxSource

Ask = Callable[[str], str]
DEFAULT_DAYS: Final = 28
QUESTIONS: Final = {
    "events": "Which source holds the events that features are made of?",
    "entity": "Which column(s) name what is predicted for, with commas between them?",
    "label": "What is predicted?",
    "name": "What is the model called?",
}
VARIABLES: Final = {"events": "EVENTS", "entity": "ENTITY", "label": "LABEL", "name": "NAME"}


@dataclass(frozen=True)
class Wishes:
    """What is said of the model; None for what is not."""

    name: str | None
    entity: str | None
    events: str | None
    label: str | None
    owner: str | None = None
    trainer: str | None = None
    also: str | None = None


def ask_for_wishes(wishes: Wishes, sources: Sequence[InboxSource], *, is_person_here: bool, ask: Ask = input) -> Wishes:
    """Complete what was said: by the only answer that there is, else by asking, with a proposal.

    Raises:
        AdoptError: something is not known and nobody can be asked; names what to say.
    """
    for name in QUESTIONS:
        if getattr(wishes, name) is None:
            proposals = propose(name, wishes, sources)
            answer = _ask(QUESTIONS[name], proposals, ask) if is_person_here else _take_only(name, proposals)
            wishes = replace(wishes, **{name: answer})
    return wishes


def propose(name: str, wishes: Wishes, sources: Sequence[InboxSource]) -> list[str]:
    """Answers that are likely, the likeliest first."""
    if name == "events":
        return [source.name for source in sources if source.is_daily] or [source.name for source in sources]
    chosen = next((source for source in sources if source.name == wishes.events), None)
    if name == "entity":
        if chosen is None:
            return []
        content = chosen.new.declaration.content
        columns = [column for column in content["columns"] if is_id_name(column) and column not in content["key"]]
        return columns or list(content["key"])
    if name == "label":
        return [f"no {wishes.events} in {DEFAULT_DAYS} days"] if chosen is not None and chosen.is_daily else []
    return [re.sub(r"\W+", "_", f"{wishes.events}_model").strip("_")]


def confirm(question: str, ask: Ask = input) -> bool:
    """Whether a person says yes."""
    try:
        return ask(f"{question} yes or no: ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False


def _take_only(name: str, proposals: Sequence[str]) -> str:
    if len(proposals) == 1:
        return proposals[0]
    known = f" It can be: {', '.join(proposals)}." if proposals else ""
    raise AdoptError(f"{QUESTIONS[name]}{known} Say it: {VARIABLES[name]}=...; nothing was changed.")


def _ask(question: str, proposals: Sequence[str], ask: Ask) -> str:
    others = f" ({', '.join(proposals)})" if len(proposals) > 1 else ""
    default = f" [{proposals[0]}]" if proposals else ""
    while True:
        try:
            answer = ask(f"{question}{others}{default} ").strip()
        except EOFError:
            raise AdoptError("The questions were left without an answer; nothing was changed.") from None
        if answer or proposals:
            return answer or proposals[0]


def list_wishes(wishes: Wishes) -> list[str]:
    """What is said, as options of a command line."""
    said = {field.name: getattr(wishes, field.name) for field in fields(wishes)}
    return [word for name, value in said.items() if value is not None for word in (f"--{name}", value)]
