"""Values at and beyond the edge of what is declared: each has a verdict, and stops its own source only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.warehouse.session import open_session

AMOUNT: Final = {"type": "float64", "publish_type": "numeric(12, 2)"}
BANDED: Final = {"type": "float64", "mean_band": [0.5, 2.0], "nullable": True}
BIGINT: Final = 2**63


@dataclass(frozen=True)
class Case:
    """A source with one column of values; ``broken`` is what the audit finds, as (dimension, whether critical)."""

    column: dict[str, Any]
    values: list[Any]
    broken: tuple[tuple[str, bool], ...] = ()
    usual_mean: float | None = None

    @property
    def is_published(self) -> bool:
        return not any(is_critical for _, is_critical in self.broken)


FITS, BAD_FILE = (), (("schema", True),)
TOO_LARGE, ODD_MEAN = (("schema", True),), (("distribution", False),)
CASES: Final = {
    "constant": Case(BANDED, [5.0] * 4, FITS, usual_mean=5),
    "one_row": Case(BANDED, [5.0], FITS, usual_mean=5),
    "all_null": Case(BANDED, [None, None], ODD_MEAN, usual_mean=5),
    "all_null_as_ever": Case(BANDED, [None, None], FITS),
    "usually_zero": Case(BANDED, [0.0, 0.001], FITS, usual_mean=0),
    "usually_negative": Case(BANDED, [-8.0, -12.0], FITS, usual_mean=-10),
    "below_a_negative_band": Case(BANDED, [-25.0], ODD_MEAN, usual_mean=-10),
    "of_the_other_sign": Case(BANDED, [10.0], ODD_MEAN, usual_mean=-10),
    "whose_sum_is_infinite": Case(BANDED, [1.7e308, 1.7e308], ODD_MEAN, usual_mean=5),
    "whose_spread_is_infinite": Case(BANDED, [-1.7e308, 1.7e308], FITS),
    "usually_huge": Case(BANDED, [1.7e308], FITS, usual_mean=1.7e308),
    "usually_infinite": Case(BANDED, [5.0], FITS, usual_mean=float("inf")),
    "infinite": Case(BANDED, [1.0, float("inf")], BAD_FILE),
    "not_a_number": Case(BANDED, [1.0, float("nan")], FITS),
    "largest_amount": Case(AMOUNT, [9999999999.994, -9999999999.994], FITS),
    "too_large": Case(AMOUNT, [1.0, 1e11], TOO_LARGE),
    "too_large_when_rounded": Case(AMOUNT, [1.0, 9999999999.995], TOO_LARGE),
    "too_small_when_rounded": Case(AMOUNT, [1.0, -9999999999.995], TOO_LARGE),
    "largest_number": Case({"type": "int64"}, [BIGINT - 1, -BIGINT], FITS),
    "few_digits": Case({"type": "int64", "publish_type": "numeric(4, 0)"}, [9999, -9999], FITS),
    "too_many_digits": Case(
        {"type": "int64", "publish_type": "numeric(4, 0)", "nullable": True}, [10000, None], TOO_LARGE
    ),
    "whole_as_double": Case({"type": "int64", "publish_type": "double precision"}, [BIGINT - 1, -BIGINT], FITS),
    "empty_text": Case({"type": "string"}, ["", " "], FITS),
    "text_with_nul": Case({"type": "string"}, ["a\0b"], BAD_FILE),
    "text_that_is_none": Case({"type": "string"}, [b"\xff\xfe"], BAD_FILE),
    "first_and_last_date": Case({"type": "date"}, [date.min, date.max], FITS),
    "first_and_last_moment": Case({"type": "timestamp"}, [datetime.min, datetime.max], FITS),
    "date_before_the_first": Case({"type": "date"}, [-719163], BAD_FILE),
    "moment_after_the_last": Case({"type": "timestamp"}, [2**62], BAD_FILE),
}  # fmt: skip
_FILE_TYPES: Final = {
    "int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}  # fmt: skip


@pytest.fixture
def settings() -> SourceSettings:
    """A source for each case, none of them critical."""
    sources = {
        name: {
            "kind": "files", "path": f"{name}/{{day}}.parquet", "format": "parquet", "grain": "snapshot",
            "key": ["number"], "critical": False, "columns": {"number": {"type": "int64"}, "value": case.column},
        }
        for name, case in CASES.items()
    }  # fmt: skip
    return parse_section({"sources": sources}, SourceSettings, "development", "sources.yml")


def make_column(case: Case) -> pa.Array:
    kind = _FILE_TYPES[case.column["type"]]
    if case.broken == BAD_FILE and isinstance(case.values[0], bytes):
        return pa.Array.from_buffers(kind, len(case.values), pa.array(case.values, pa.binary()).buffers())
    if case.broken == BAD_FILE and isinstance(case.values[0], int):
        return pa.array(case.values, pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    return pa.array(case.values, kind)


def test_every_value_has_a_verdict_and_stops_its_own_source_only(pipeline, day) -> None:
    for name, case in CASES.items():
        (pipeline.root / name).mkdir()
        table = pa.table({"number": range(len(case.values)), "value": make_column(case)})
        pq.write_table(table, pipeline.root / name / f"{day}.parquet")
    with open_session(pipeline.uri) as session:
        session.execute_many(
            "insert into quality.profiles (source, from_day, to_day, column_name, row_count, null_count, "
            "distinct_count, mean, audit_id) "
            "values (%s, date '2026-01-01', date '2026-01-31', 'value', 9, 0, 9, %s, 'history')",
            [(name, case.usual_mean) for name, case in CASES.items()],
        )

    items = pipeline.land(pipeline.plan(day))
    report = pipeline.audit(items)
    result = pipeline.publish(items)

    audits = {row["source"]: row["failures"] for row in pipeline.fetch("select * from quality.audits")}
    found = {name: tuple((one["dimension"], one["is_critical"]) for one in audits[name]) for name in CASES}
    assert found == {name: case.broken for name, case in CASES.items()}
    assert result["rows"] == {name: len(case.values) for name, case in CASES.items() if case.is_published}
    assert sorted(report["refused"]) == sorted(name for name, case in CASES.items() if not case.is_published)
    for name, case in CASES.items():
        if not case.is_published:
            (reason,) = audits[name]
            assert "value" in (reason["column"] or reason["observed"])
    (record,) = pipeline.fetch("select * from quality.quarantine where source = 'too_large'")
    copied_on = f"{day}T00:00:00.000"
    assert record["sample_rows"] == [
        {"row": {"number": 1, "value": 1e11, "batch_day": copied_on}, "broken_rules": ["schema of value"]},
        {"row": {"number": 0, "value": 1.0, "batch_day": copied_on}, "broken_rules": []},
    ]
    (text,) = (one["observed"] for one in audits["too_large_when_rounded"])
    assert text == "1 of 2 rows that break the rule, such as 9999999999.995"
