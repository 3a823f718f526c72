"""Which entities are tested on where there is no time."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from include.training.entity_split import TEST_SHARE, describe_split, is_held_out, split_entities, split_entity


def test_a_fifth_is_tested_on_and_a_fifth_validated_on() -> None:
    counts = Counter(split_entities((number,) for number in range(10_000)))
    assert abs(counts["test"] - 2000) < 150
    assert abs(counts["validation"] - 2000) < 150


def test_each_class_has_the_same_shares() -> None:
    splits = split_entities((f"part {number}",) for number in range(10_000))
    rare = Counter(split for number, split in enumerate(splits) if number % 10 == 0)
    assert abs(rare["test"] - 200) < 45
    assert abs(rare["validation"] - 200) < 45


def test_an_entity_keeps_its_split_whatever_other_rows_there_are() -> None:
    keys = [(site, part, date(2026, 1, 1)) for site in range(5) for part in ("a", "b")]
    alone = {key: split_entity(key) for key in keys}
    assert dict(zip(reversed(keys), split_entities(reversed(keys)), strict=True)) == alone


def test_a_version_holds_out_what_it_is_tested_on() -> None:
    rule = describe_split("entity")
    assert (rule.kind, rule.test_share) == ("entity", TEST_SHARE)
    keys = [(number, "a") for number in range(500)]
    assert [is_held_out(key, TEST_SHARE) for key in keys] == [split == "test" for split in split_entities(keys)]


def test_by_time_no_entity_is_held_out() -> None:
    assert describe_split("time").test_share is None


@pytest.mark.parametrize(("one", "other"), [((1, "1"), (11, "")), (("a", "b"), ("ab",))])
def test_keys_that_read_alike_are_others(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    many = [(*one, number) for number in range(200)], [(*other, number) for number in range(200)]
    assert split_entities(many[0]) != split_entities(many[1])
