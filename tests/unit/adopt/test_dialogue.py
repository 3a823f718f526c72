"""What a first model is to be: what is said, what has one answer, what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.adopt.dialogue import Wishes, ask_for_wishes, confirm, list_wishes
from include.adopt.inbox import InboxSource, look_into
from include.errors import AdoptError

NOTHING = Wishes(None, None, None, None)


@pytest.fixture
def sources(inbox) -> list[InboxSource]:
    """Orders with an id of who ordered and of the place, and a list of members."""
    rows = [f"{n},{n % 40},{n % 3},2026-03-0{n % 5 + 1}" for n in range(300)]
    inbox.write_csv("orders.csv", "order_id,member_id,site_id,ordered_on", rows)
    inbox.write_csv("members.csv", "member_id,town", [f"{n},town {n % 4}" for n in range(40)])
    return look_into(inbox.folder, inbox.config, "development", {})


class Person:
    """Types what a test has prepared, and keeps the questions."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        if not self.words:
            raise EOFError
        return self.words.pop(0)


def test_what_was_said_is_not_asked(sources: list[InboxSource]) -> None:
    said = Wishes("lapse", "member_id", "orders", "no orders in 14 days", owner="growth")
    person = Person()
    assert ask_for_wishes(said, sources, is_person_here=True, ask=person) == said
    assert person.asked == []


def test_a_person_takes_the_proposals_or_says_something_else(sources: list[InboxSource]) -> None:
    person = Person("", "site_id", "", "visits")
    wishes = ask_for_wishes(NOTHING, sources, is_person_here=True, ask=person)
    assert wishes == Wishes("visits", "site_id", "orders", "no orders in 28 days")
    assert "(member_id, site_id) [member_id]" in person.asked[1]


def test_without_a_person_the_only_answer_is_taken_and_several_are_named(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match=r"It can be: member_id, site_id\. Say it: ENTITY=.*nothing was changed"):
        ask_for_wishes(NOTHING, sources, is_person_here=False)
    said = Wishes(None, "member_id", None, None)
    wishes = ask_for_wishes(said, sources, is_person_here=False)
    assert wishes == Wishes("orders_model", "member_id", "orders", "no orders in 28 days")


def test_a_source_that_is_not_there_leaves_its_columns_to_be_said(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match=r"name what is predicted for.*ENTITY="):
        ask_for_wishes(Wishes(None, None, "nonsense", None), sources, is_person_here=False)


def test_questions_left_without_an_answer_change_nothing(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match="nothing was changed"):
        ask_for_wishes(NOTHING, sources, is_person_here=True, ask=Person(""))


@pytest.mark.parametrize(
    ("words", "is_yes"), [(["yes"], True), (["Y "], True), (["no"], False), ([""], False), ([], False)]
)
def test_only_a_yes_is_one(words: list[str], is_yes: bool) -> None:
    assert confirm("Go on?", Person(*words)) is is_yes


def test_what_is_said_goes_on_as_options() -> None:
    assert list_wishes(Wishes("a", "b", "c", "d", trainer="e")) == [
        "--name", "a", "--entity", "b", "--events", "c", "--label", "d", "--trainer", "e",
    ]  # fmt: skip


def test_the_folder_is_named_in_what_is_refused(tmp_path: Path, inbox) -> None:
    from include.errors import SourceError

    with pytest.raises(SourceError, match=r"nothing is no folder"):
        look_into(tmp_path / "nothing", inbox.config, "development", {})
