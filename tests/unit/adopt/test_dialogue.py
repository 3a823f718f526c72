"""What a first model is to be: what is said, what has one answer, what is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from include.adopt.dialogue import Wishes, ask_for_wishes, choose_time, confirm, list_wishes, propose
from include.adopt.inbox import InboxSource, look_into
from include.errors import AdoptError, SettingsError
from include.settings.models import check_model_file

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
    assert "(or: site_id) [member_id]" in person.asked[1]


def test_without_a_person_the_only_answer_is_taken_and_several_are_named(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match=r"It can be: member_id, site_id\. Say it: ENTITY=.*nothing was changed"):
        ask_for_wishes(NOTHING, sources, is_person_here=False)
    said = Wishes(None, "member_id", None, None)
    wishes = ask_for_wishes(said, sources, is_person_here=False)
    assert wishes == Wishes("orders_model", "member_id", "orders", "no orders in 28 days")


def test_what_names_each_event_is_not_taken_for_what_is_predicted_for(inbox) -> None:
    for day in range(1, 4):
        rows = [f"{day}{n:02},rider {n % 4},{'NS'[n % 2]},2026-03-0{day}" for n in range(20)]
        inbox.write_csv(f"rides/2026-03-0{day}.csv", "ride_uuid,rider,side,began_on", rows)
    sources = look_into(inbox.folder, inbox.config, "development", {})
    with pytest.raises(AdoptError, match=r"It can be: rider, side\. Say it: ENTITY="):
        ask_for_wishes(NOTHING, sources, is_person_here=False)
    person = Person("", "rider", "", "")
    assert ask_for_wishes(NOTHING, sources, is_person_here=True, ask=person).entity == "rider"
    assert "(rider, side) " in person.asked[1]


def test_a_source_that_is_not_there_leaves_its_columns_to_be_said(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match=r"name what is predicted for.*ENTITY="):
        ask_for_wishes(Wishes(None, None, "nonsense", None), sources, is_person_here=False)


def test_questions_left_without_an_answer_change_nothing(sources: list[InboxSource]) -> None:
    with pytest.raises(AdoptError, match="nothing was changed"):
        ask_for_wishes(NOTHING, sources, is_person_here=True, ask=Person(""))


def test_when_a_row_happened_is_asked_until_the_answer_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = ["ordered_on", "sent_on"]
    assert choose_time("orders", candidates, Person("")) == "ordered_on"
    person = Person("member_id", "none")
    assert choose_time("orders", candidates, person) == "none"
    assert person.asked == ["orders: which column says when a row happened? (or: sent_on, none) [ordered_on] "] * 2
    assert "'member_id' cannot" in capsys.readouterr().out
    with pytest.raises(AdoptError, match="nothing was changed"):
        choose_time("orders", candidates, Person())


def refuse_others(name: str, wishes: Wishes) -> None:
    if getattr(wishes, name) not in ("orders", "site_id", "count in 28 days", "visits"):
        raise SettingsError(f"{getattr(wishes, name)} is none.")


def test_what_cannot_be_used_is_asked_again_with_the_reason(
    sources: list[InboxSource], capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person("order", "", "", "site_id", "anything", "count in 28 days", "visits")
    wishes = ask_for_wishes(NOTHING, sources, is_person_here=True, ask=person, check=refuse_others)
    assert wishes == Wishes("visits", "site_id", "orders", "count in 28 days")
    asked = [question.split("?")[0] for question in person.asked]
    assert [asked.count(question) for question in dict.fromkeys(asked)] == [2, 2, 2, 1]
    said = capsys.readouterr().out
    assert [f"✘ {word} is none." in said for word in ("order", "member_id", "anything")] == [True] * 3


@pytest.mark.parametrize("is_person_here", [True, False])
def test_what_was_said_and_cannot_be_used_ends_it(sources: list[InboxSource], is_person_here: bool) -> None:
    person = Person()
    said = Wishes(None, "site_id", "order", None)
    with pytest.raises(SettingsError, match=r"order is none\."):
        ask_for_wishes(said, sources, is_person_here=is_person_here, ask=person, check=refuse_others)
    assert person.asked == []


def test_what_else_can_be_predicted_is_said(sources: list[InboxSource]) -> None:
    person = Person("", "site_id", "", "")
    ask_for_wishes(NOTHING, sources, is_person_here=True, ask=person)
    expected = "What is predicted? (or: orders in 28 days, sum of COLUMN in 28 days, count in 28 days) [no orders in "
    assert expected in person.asked[2]
    person = Person("members", "", "", "town", "")
    wishes = ask_for_wishes(NOTHING, sources, is_person_here=True, ask=person)
    assert person.asked[2:4] == ["What is predicted? (town) "] * 2, "of a table there is no proposal"
    assert wishes.label == "town"


def test_a_long_name_of_a_source_makes_a_name_that_a_model_can_have(sources: list[InboxSource]) -> None:
    (name,) = propose("name", replace(NOTHING, events="readings_of_the_northern_meters"), sources)
    check_model_file(Path(f"{name}.yml"), [])


def test_an_interruption_at_a_question_says_that_nothing_was_changed(
    sources: list[InboxSource], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_for_wishes(NOTHING, sources, is_person_here=True, ask=interrupt)
    with pytest.raises(KeyboardInterrupt):
        confirm("Go on?", interrupt)
    assert capsys.readouterr().out.count("\nNothing was changed.\n") == 2


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
