"""Each rule on real Great Expectations: good data passes all of them, data bad in one way breaks that rule alone."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from include.quality.score import RuleResult
from include.quality.suites import LATENESS, Fact, build_fact_suite, build_row_suite
from include.quality.validate import FrameSuite, prepare_great_expectations, validate_frames
from include.settings.section import parse_section
from include.settings.sources import SourceSettings

SETTINGS = parse_section(
    {
        "sources": {
            "shops": {
                "kind": "files", "path": "{day}.csv", "format": "csv", "grain": "snapshot", "key": ["shop"],
                "columns": {"shop": {"type": "string"}},
            },
            "sales": {
                "kind": "files", "path": "{day}.parquet", "format": "parquet", "grain": "daily",
                "key": ["basket", "line"], "event_column": "sold_at", "allowed_lateness_days": 2,
                "volume": {"min_ratio": 0.2, "max_ratio": 5},
                "columns": {
                    "basket": {"type": "int64", "critical": True},
                    "line": {"type": "int64"},
                    "shop": {"type": "string", "nullable": True, "allowed": ["north", "south"]},
                    "amount": {"type": "float64", "nullable": True, "critical": True, "min": 0, "max": 100,
                               "mean_band": [0.5, 2]},
                    "discount": {"type": "float64", "nullable": True, "max": 10},
                    "note": {"type": "string"},
                    "sold_at": {"type": "timestamp"},
                    "due": {"type": "date"},
                },
                "relations": [{"columns": ["shop"], "source": "shops", "min_known_share": 0.9}],
            },
        },
    },
    SourceSettings, "development", "sources.yml",
)  # fmt: skip
SALES = SETTINGS.sources["sales"]
ROWS = 40


@pytest.fixture
def frame() -> pd.DataFrame:
    """Good rows, as the audit reads them."""
    return pd.DataFrame(
        {
            "basket": [number // 2 for number in range(ROWS)],
            "line": [number % 2 for number in range(ROWS)],
            "shop": ["north", None] * (ROWS // 2),
            "amount": [float(number) for number in range(ROWS)],
            "discount": [0.5, None] * (ROWS // 2),
            "note": ["fine"] * ROWS,
            "sold_at": pd.Series(["2026-03-09T12:00"] * ROWS).astype("datetime64[us]"),
            "due": pd.Series(["2026-03-10"] * ROWS).astype("datetime64[s]").astype("datetime64[ms]"),
            LATENESS: [0, 1] * (ROWS // 2),
        }
    )


def check(frame: pd.DataFrame, usual_means: dict[str, float] | None = None) -> list[RuleResult]:
    prepare_great_expectations()
    suite = build_row_suite(SALES, SETTINGS.quality, usual_means or {}, len(frame))
    return validate_frames([FrameSuite("sales", "rows", frame, suite)])


def broken(results: list[RuleResult]) -> list[tuple[str, str | None, bool]]:
    return [(one.dimension, one.column, one.is_critical) for one in results if not one.has_passed]


def put(column: str, row: int, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed.loc[row, column] = value
        return changed

    return change


def blank(column: str, rows: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed.loc[: rows - 1, column] = None
        return changed

    return change


def test_good_rows_pass_every_rule(frame: pd.DataFrame) -> None:
    results = check(frame, {"amount": 19.5})

    assert broken(results) == []
    assert {one.dimension for one in results} == {
        "schema", "completeness", "uniqueness", "range", "allowed_values", "timeliness", "distribution",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(blank("line", 1), [("completeness", "line", True)], id="a key without a value"),
        pytest.param(blank("sold_at", 1), [("completeness", "sold_at", True)], id="an event without its time"),
        pytest.param(blank("note", 1), [("completeness", "note", False)], id="a null where none may be"),
        pytest.param(blank("amount", 3), [("completeness", "amount", True)], id="a critical column 7.5 % null"),
        pytest.param(blank("amount", 2), [], id="a critical column 5 % null"),
        pytest.param(blank("discount", ROWS), [], id="a nullable column all null"),
        pytest.param(put("line", 1, 0), [("uniqueness", None, True)], id="a key twice"),
        pytest.param(put("amount", 0, -0.01), [("range", "amount", True)], id="below the minimum"),
        pytest.param(put("amount", 0, 100.01), [("range", "amount", True)], id="above the maximum"),
        pytest.param(put("discount", 0, 11.0), [("range", "discount", False)], id="above an open range"),
        pytest.param(put("shop", 0, "west"), [("allowed_values", "shop", False)], id="a value that is not allowed"),
        pytest.param(put(LATENESS, 0, 3), [("timeliness", LATENESS, True)], id="too late"),
        pytest.param(put(LATENESS, 0, -1), [("timeliness", LATENESS, True)], id="from the future"),
    ],
)
def test_data_bad_in_one_way_breaks_that_rule_alone(
    frame: pd.DataFrame,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    expected: list[tuple[str, str | None, bool]],
) -> None:
    assert broken(check(change(frame))) == expected


def test_a_mean_far_from_its_history(frame: pd.DataFrame) -> None:
    assert broken(check(frame, {"amount": 9.0})) == [("distribution", "amount", False)]
    assert broken(check(frame, {"amount": 40.0})) == [("distribution", "amount", False)]


def test_a_column_that_went_missing(frame: pd.DataFrame) -> None:
    results = check(frame.drop(columns="discount"))

    assert ("schema", None, True) in broken(results)
    first = next(one for one in results if one.dimension == "schema")
    assert first.observed == "missing discount"


def test_a_column_that_is_too_many(frame: pd.DataFrame) -> None:
    assert broken(check(frame.assign(extra=1))) == [("schema", None, True)]


@pytest.mark.parametrize("column", ["basket", "amount", "note", "sold_at", "due"])
def test_a_column_of_another_type(frame: pd.DataFrame, column: str) -> None:
    values = [b"1"] * ROWS if column == "note" else ["1"] * ROWS

    assert ("schema", column, True) in broken(check(frame.assign(**{column: values})))


def test_rows_that_do_not_exist_are_not_judged(frame: pd.DataFrame) -> None:
    results = check(frame.head(0))

    assert [(one.dimension, one.has_passed) for one in results] == [("schema", True)]


GOOD_FACTS = {
    "smallest_volume": Fact(0.9, "3600 rows"),
    "largest_volume": Fact(1.1, "4400 rows"),
    "hours_behind": Fact(1.0, "one hour"),
    "repeated_rows": Fact(0, "no rows"),
    "known_shop_in_shops": Fact(0.95, "most"),
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("smallest_volume", 0.19, ("volume", True)),
        ("largest_volume", 5.01, ("volume", True)),
        ("hours_behind", 24.1, ("timeliness", False)),
        ("repeated_rows", 1, ("uniqueness", True)),
        ("known_shop_in_shops", 0.89, ("relationship", True)),
    ],
)
def test_each_fact_breaks_its_rule_and_says_what_was_seen(name: str, value: float, expected: tuple[str, bool]) -> None:
    prepare_great_expectations()
    facts = {**GOOD_FACTS, name: Fact(value, f"seen {value}")}
    suite = build_fact_suite(SALES, SETTINGS.quality, facts)
    columns = pd.DataFrame([{key: fact.value for key, fact in facts.items()}])

    results = validate_frames(
        [FrameSuite("sales", "facts", columns, suite, {key: fact.note for key, fact in facts.items()})]
    )

    assert len(results) == len(GOOD_FACTS)
    failures = [one for one in results if not one.has_passed]
    assert [(one.dimension, one.is_critical, one.observed) for one in failures] == [(*expected, f"seen {value}")]


def test_facts_that_were_not_measured_are_not_judged() -> None:
    prepare_great_expectations()

    assert build_fact_suite(SALES, SETTINGS.quality, {}) == []
    assert len(build_fact_suite(SALES, SETTINGS.quality, {"hours_behind": Fact(1, "")})) == 1
