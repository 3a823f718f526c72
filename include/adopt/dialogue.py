"""What a first model is to be: said on the command line, or asked at the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from include.adopt.inbox import NO_TIME
from include.adopt.keys import is_id_name
from include.commands.console import list_some, say
from include.errors import AdoptError, OrreryError

if TYPE_CHECKING:
    from include.adopt.inbox import InboxSource

Ask = Callable[[str], str]
DEFAULT_DAYS: Final = 28
MAX_NAME_LENGTH: Final = 31
_MOST: Final = 10
QUESTIONS: Final = {
    "events": "Which source holds the events, or the table, that is predicted from?",
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
    group: str | None = None


Check = Callable[[str, Wishes], None]
"""Raises an error of ours where what is said to a question cannot be used; the questions before it are answered."""


def accept(name: str, wishes: Wishes) -> None:
    """Take any answer."""


def ask_for_wishes(
    wishes: Wishes,
    sources: Sequence[InboxSource],
    *,
    is_person_here: bool,
    ask: Ask = input,
    check: Check = accept,
) -> Wishes:
    """Complete what was said: by the only answer that there is, else by asking, with a proposal.

    Args:
        check: refuses, with an error of ours, what was said or answered to a question; what was answered is then asked
            again, with the reason.

    Raises:
        AdoptError: something is not known and nobody can be asked; names what to say.
        OrreryError: as ``check`` raises it of what was said.
    """
    if is_person_here and None in [getattr(wishes, name) for name in QUESTIONS]:
        say("Enter takes what stands in brackets, Ctrl-C ends; nothing is changed yet.\n")
    for name in QUESTIONS:
        if getattr(wishes, name) is None:
            proposals, others = propose(name, wishes, sources), list_others(name, wishes, sources)
            if is_person_here:
                wishes = _ask_until_right(name, wishes, proposals, others, ask, check)
                continue
            wishes = replace(wishes, **{name: _take_only(name, proposals, others)})
        check(name, wishes)
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
        return columns or ([] if chosen.is_daily else list(content["key"]))
    if name == "label":
        return [f"no {wishes.events} in {DEFAULT_DAYS} days"] if chosen is not None and chosen.is_daily else []
    return [re.sub(r"\W+", "_", f"{wishes.events}_model")[:MAX_NAME_LENGTH].strip("_")]


def list_others(name: str, wishes: Wishes, sources: Sequence[InboxSource]) -> list[str]:
    """Answers besides the likeliest one."""
    if name == "label":
        return list_label_examples(wishes, sources)
    proposals = propose(name, wishes, sources)
    if name == "entity" and not proposals:
        return _list_key_columns(wishes, sources)
    return proposals[1:]


def _list_key_columns(wishes: Wishes, sources: Sequence[InboxSource]) -> list[str]:
    """Columns of events that could name an entity: texts and whole numbers that are always there, but for the key."""
    contents = [source.new.declaration.content for source in sources if source.name == wishes.events]
    return [
        name
        for content in contents
        for name, column in content["columns"].items()
        if column["type"] in ("string", "int64") and not column.get("nullable") and [name] != content["key"]
    ]


def list_label_examples(wishes: Wishes, sources: Sequence[InboxSource]) -> list[str]:
    """Labels besides the one that is proposed: sentences of events, of a table its columns."""
    chosen = next((source for source in sources if source.name == wishes.events), None)
    if chosen is None or chosen.is_daily:
        days = f"in {DEFAULT_DAYS} days"
        return [f"{wishes.events} {days}", f"sum of COLUMN {days}", f"count {days}"]
    content = chosen.new.declaration.content
    return [column for column in content["columns"] if column not in content["key"]]


def choose_time(source: str, candidates: Sequence[str], ask: Ask = input) -> str:
    """The column that says when a row of a source happened, or that nothing happens in it.

    Raises:
        AdoptError: the question was left without an answer.
    """
    question, others = f"{source}: which column says when a row happened?", [*candidates[1:], NO_TIME]
    while (answer := _ask(question, candidates, others, ask)) not in (*candidates, NO_TIME):
        say(f"✘ {answer!r} cannot. Say {NO_TIME} where each row is there once and nothing happens in it.\n")
    return answer


def confirm(question: str, ask: Ask = input) -> bool:
    """Whether a person says yes."""
    try:
        return _read(f"{question} yes or no: ", ask).casefold() in ("y", "yes")
    except EOFError:
        return False


def _take_only(name: str, proposals: Sequence[str], others: Sequence[str]) -> str:
    if len(proposals) == 1:
        return proposals[0]
    known = f" It can be: {list_some(proposals or others, _MOST)}." if proposals or others else ""
    raise AdoptError(f"{QUESTIONS[name]}{known} Say it: {VARIABLES[name]}=...; nothing was changed.")


def _ask_until_right(
    name: str, wishes: Wishes, proposals: Sequence[str], others: Sequence[str], ask: Ask, check: Check
) -> Wishes:
    while True:
        answered = replace(wishes, **{name: _ask(QUESTIONS[name], proposals, others, ask)})
        try:
            check(name, answered)
        except OrreryError as error:
            say(f"✘ {error}\n")
        else:
            return answered


def _ask(question: str, proposals: Sequence[str], others: Sequence[str], ask: Ask) -> str:
    hint = f" (or: {list_some(others, _MOST)})" if proposals and others else ""
    hint = f" ({list_some(others, _MOST)})" if others and not proposals else hint
    default = f" [{proposals[0]}]" if proposals else ""
    while True:
        try:
            answer = _read(f"{question}{hint}{default} ", ask)
        except EOFError:
            raise AdoptError("The questions were left without an answer; nothing was changed.") from None
        if answer or proposals:
            return answer or proposals[0]


def _read(prompt: str, ask: Ask) -> str:
    """One line; what ends the questions leaves the cursor on a line of its own."""
    try:
        return ask(prompt).strip()
    except EOFError:
        say()
        raise
    except KeyboardInterrupt:
        say("\nNothing was changed.")
        raise


def list_wishes(wishes: Wishes) -> list[str]:
    """What is said, as options of a command line."""
    said = {field.name: getattr(wishes, field.name) for field in fields(wishes)}
    return [word for name, value in said.items() if value is not None for word in (f"--{name}", value)]
