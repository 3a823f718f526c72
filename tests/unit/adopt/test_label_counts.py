"""What a label says at some dates is counted over rows as a person would count it."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pyarrow as pa
import pytest

from include.adopt import label_counts
from include.adopt.label_counts import LabelCount, count_labels
from include.adopt.label_sentence import LabelSentence

DATES = (date(2026, 3, 2), date(2026, 3, 12), date(2026, 3, 30))
WEEK = LabelSentence("absence", 7)
DAY = timedelta(days=1)
Row = tuple[str | None, int | None, date | None, float | None]


def make_rows() -> list[Row]:
    """Rows of entities with two keys, texts among them, in any order; some lack a key, a day or a value."""
    dice = random.Random(3)
    rows: list[Row] = []
    for _ in range(4_000):
        key = dice.choice(["a", "b, c", "", "Ö", None]), dice.choice([*range(30), None])
        if key[1] is not None and key[1] > 25:
            key = (key[0], None if dice.random() < 0.5 else key[1])
        # The higher the number, the earlier it stops.
        day = date(2026, 2, 10) + dice.randrange(max(60 - 2 * (key[1] or 0), 1)) * DAY
        rows.append((*key, day if dice.random() > 0.02 else None, dice.choice([None, 0.0, 1.0, -2.0])))
    return rows


def make_block(rows: list[Row], has_value: bool = True) -> pa.Table:
    types = {"key_0": pa.string(), "key_1": pa.int64(), "day": pa.date32(), "value": pa.float64()}
    columns = {name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(types.items())}
    if not has_value:
        del columns["value"]
    return pa.table(columns)


def count_by_hand(rows: list[Row], as_of: date, sentence: LabelSentence) -> LabelCount:
    whole = [row for row in rows if None not in row[:3]]
    entities = {row[:2] for row in whole if as_of - sentence.active_days * DAY <= row[2] < as_of}
    totals = {}
    for entity in entities:
        after = [row for row in whole if row[:2] == entity and as_of <= row[2] < as_of + sentence.days * DAY]
        values = [row[3] for row in after if row[3] is not None] if sentence.kind == "sum" else [1.0] * len(after)
        totals[entity] = sum(values) if values else None
    numbers = [total or 0.0 for total in totals.values()]
    known = sum(total is not None for total in totals.values())
    return LabelCount(as_of, len(entities), known, min(numbers, default=None), max(numbers, default=None))


@pytest.mark.parametrize("kind", ["absence", "sum", "count"])
@pytest.mark.parametrize("waiting", [0, 50, 1 << 18])
def test_blocks_of_any_size_and_order_give_what_is_counted_by_hand(
    kind, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_counts, "_MIN_WAITING", waiting)
    sentence, rows = LabelSentence(kind, 7, "heat" if kind == "sum" else None), make_rows()
    blocks = [make_block(rows[at : at + 130], has_value=kind == "sum") for at in range(0, len(rows), 130)]
    expected = tuple(count_by_hand(rows, day, sentence) for day in DATES)
    assert all(0 < count.known < count.entities for count in expected), "else this shows nothing"
    assert count_labels(blocks, DATES, sentence) == expected


def test_the_active_days_end_before_the_date_and_the_horizon_begins_on_it() -> None:
    first, at = DATES[0] - WEEK.active_days * DAY, DATES[0]
    rows: list[Row] = [
        ("too early", 1, first - DAY, None), ("first active", 1, first, None), ("last active", 1, at - DAY, None),
        ("new", 1, at, None), ("first active", 1, at, None), ("last active", 1, at + 6 * DAY, None),
        ("first active", 1, at + 7 * DAY, None), ("goes", 1, at - DAY, None), ("goes", 1, at + 7 * DAY, None),
    ]  # fmt: skip
    (count,) = count_labels([make_block(rows, has_value=False)], [at], WEEK)
    assert (count.entities, count.known) == (3, 2)


def test_without_rows_there_is_nobody() -> None:
    nobody = LabelCount(DATES[0], 0, 0, None, None)
    assert count_labels([], DATES[:1], WEEK) == (nobody,)
    assert count_labels([make_block([])], DATES[:1], WEEK) == (nobody,)
    assert count_labels([make_block([(None, 1, DATES[0] - DAY, 1.0)])], DATES[:1], WEEK) == (nobody,)
