"""The comparison stops where the two sides did not store the same."""

from __future__ import annotations

import pandas as pd
import pytest
import sqlalchemy

from benchmarks.catalog import BenchmarkError
from benchmarks.seam import check_equal, make_frame, write_through_pandas
from include.warehouse.arrow import write_arrow
from include.warehouse.frames import from_frame


@pytest.fixture
def engine(warehouse_uri: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(warehouse_uri.replace("postgresql://", "postgresql+psycopg2://"))


def test_the_frame_is_the_same_every_time() -> None:
    first, second = make_frame(200), make_frame(200)
    pd.testing.assert_frame_equal(first, second)
    assert first.shape == (200, 10)
    assert first["visits"].isna().any()


def test_equal_tables_may_be_compared(warehouse_uri: str, engine: sqlalchemy.Engine) -> None:
    frame = make_frame(200)
    write_arrow(warehouse_uri, "ml.by_sdk", from_frame(frame), "replace")
    write_through_pandas(frame, engine)
    check_equal(engine, 200)


@pytest.mark.parametrize("column", ["price", "visits", "sold_at", "city"])
def test_one_changed_value_stops_the_comparison(warehouse_uri: str, engine: sqlalchemy.Engine, column: str) -> None:
    frame = make_frame(200)
    write_arrow(warehouse_uri, "ml.by_sdk", from_frame(frame), "replace")
    known = frame[column].dropna()
    row = known.idxmin()
    frame.loc[row, column] = "nowhere" if column == "city" else known.max()
    write_through_pandas(frame, engine)
    with pytest.raises(BenchmarkError, match="did not do the same work"):
        check_equal(engine, 200)


def test_lost_rows_stop_the_comparison(warehouse_uri: str, engine: sqlalchemy.Engine) -> None:
    frame = make_frame(200)
    write_arrow(warehouse_uri, "ml.by_sdk", from_frame(frame.head(199)), "replace")
    write_through_pandas(frame.head(199), engine)
    with pytest.raises(BenchmarkError, match="of 200 rows"):
        check_equal(engine, 200)
