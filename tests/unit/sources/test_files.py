"""Reading delivered files: what is good comes out as declared, what is not is named."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from tests.unit.sources.whole import read_file, read_source

DAY = date(2026, 3, 9)
# Parquet says that it is text; 253,402,300,800 seconds after 1970 the year 10000 begins.
NOT_UTF8 = pa.StringArray.from_buffers(3, *pa.array([b"a", b"\xfc", b"b"]).buffers()[1:])
HEADER = "visit_id,minutes,visited_on,seen_at\n"


def read(settings: SourceSettings, root: Path, name: str = "sales", to_day: date = DAY):
    return read_source(settings, name, SourceOpener(settings, root).open(name), DAY, to_day)


def refusal(settings: SourceSettings, root: Path, name: str = "sales") -> str:
    with pytest.raises(SourceError) as caught:
        read(settings, root, name)
    message = str(caught.value)
    assert f"Source {name!r}" in message
    assert "run again" in message or "again" in message
    return message


class TestGoodFiles:
    def test_parquet_comes_with_declared_types_in_declared_order(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(dict(reversed(sales.items())))

        table = read(settings, tmp_path).table

        assert table.column_names == ["sale_id", "amount", "shop", "sold_at", "day", "batch_day"]
        assert [str(kind) for kind in table.schema.types] == [
            "int64", "double", "string", "timestamp[us, tz=UTC]", "date32[day]", "date32[day]",
        ]  # fmt: skip
        assert table.column("amount").to_pylist() == [9.5, None, 0.25]

    def test_day_is_the_calendar_day_in_the_shops_time_zone(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(sales)

        table = read(settings, tmp_path).table

        assert table.column("day").to_pylist() == [DAY - timedelta(days=1), DAY, DAY]
        assert table.column("batch_day").to_pylist() == [DAY] * 3

    def test_narrower_numbers_and_dictionaries_are_widened(self, settings, tmp_path, sales, write_sales) -> None:
        sales["sale_id"] = pa.array([1.0, 2.0, 3.0], pa.float32())
        sales["amount"] = pa.array([1, 2, 3], pa.int16())
        sales["shop"] = pa.array(["a", "b", "a"]).dictionary_encode()
        write_sales(sales)

        table = read(settings, tmp_path).table

        assert table.column("sale_id").to_pylist() == [1, 2, 3]
        assert table.column("shop").to_pylist() == ["a", "b", "a"]

    def test_nan_is_a_null(self, settings, tmp_path, sales, write_sales) -> None:
        sales["amount"] = pa.array([float("nan"), 1.0, 2.0])
        write_sales(sales)

        assert read(settings, tmp_path).table.column("amount").null_count == 1

    def test_csv_text_becomes_declared_types(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER + "1,2.5,2026-03-09,2026-03-09T12:00:00Z\n2,,2026-03-08,\n")

        table = read(settings, tmp_path, "visits").table

        assert table.column("minutes").to_pylist() == [2.5, None]
        assert table.column("visited_on").to_pylist() == [DAY, DAY - timedelta(days=1)]
        assert table.column("day").to_pylist() == table.column("visited_on").to_pylist()
        assert table.column("seen_at").to_pylist()[0] == datetime(2026, 3, 9, 12, tzinfo=UTC)

    def test_csv_moments_without_a_zone_are_utc(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER + "1,2.5,2026-03-09,2026-03-09 12:00:00\n")

        assert read(settings, tmp_path, "visits").table.column("seen_at").to_pylist() == [
            datetime(2026, 3, 9, 12, tzinfo=UTC)
        ]

    def test_a_window_reads_one_file_a_day_in_order(self, settings, tmp_path, sales, write_sales) -> None:
        tomorrow = DAY + timedelta(days=1)
        write_sales(sales, tomorrow)
        write_sales(sales, DAY)

        found = read(settings, tmp_path, to_day=tomorrow)

        assert [(one.day, one.rows) for one in found.deliveries] == [(DAY, 3), (tomorrow, 3)]
        assert found.table.column("batch_day").to_pylist() == [DAY] * 3 + [tomorrow] * 3


class TestDays:
    """A column of days that is given moments: New York is four hours behind UTC on this day."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-03-09", DAY),
            ("2026-03-10T03:59:59Z", DAY),
            ("2026-03-10 04:00:00+00:00", DAY + timedelta(days=1)),
            ("2026-03-09T22:00:00-07:00", DAY + timedelta(days=1)),
            ("2026-03-09T00:00:00", DAY),
            ("2026-03-09 00:00:00", DAY),
        ],
    )
    def test_csv_and_parquet_agree(self, settings, tmp_path, write_visits, text: str, expected: date) -> None:
        csv = write_visits(f"{HEADER}1,2.5,{text},\n2,2.5,,\n")
        parquet, kind = tmp_path / "visits.parquet", pa.timestamp("ns", "Asia/Tokyo" if "T22" in text else "UTC")
        moment = pa.array([text, None]).cast(pa.timestamp("ns") if text[11:] in ("", "00:00:00") else kind)
        columns = {"visit_id": [1, 2], "minutes": [2.5, 2.5], "visited_on": moment, "seen_at": pa.nulls(2)}
        pq.write_table(pa.table(columns), parquet)
        source = settings.sources["visits"]

        found = [
            read_file("visits", source.model_copy(update={"format": path.suffix[1:]}), path, settings.time_zone)
            for path in (csv, parquet)
        ]

        assert [table.column("visited_on").to_pylist() for table in found] == [[expected, None]] * 2

    def test_a_moment_without_a_zone_has_no_certain_day(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER + "1,2.5,2026-03-09 00:00:00,\n2,2.5,2026-03-09 12:00:00,\n")

        message = refusal(settings, tmp_path, "visits")

        assert "line 3 holds '2026-03-09 12:00:00'" in message
        assert "with its zone" in message

    def test_nor_in_parquet(self, description, tmp_path, sales, write_sales) -> None:
        description["sources"]["sales"]["columns"]["sold_at"]["type"] = "date"
        settings = parse_section(description, SourceSettings, "development", "sources.yml")
        write_sales(sales)

        assert "row 1 holds" in refusal(settings, tmp_path)

    def test_a_day_is_no_moment(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER + "1,2.5,2026-03-09,2026-03-09\n")

        assert "column 'seen_at' is declared timestamp; line 2 holds '2026-03-09'" in refusal(
            settings, tmp_path, "visits"
        )

    def test_the_first_moment_that_differs_in_having_a_zone_is_named(self, settings, tmp_path, write_visits) -> None:
        moments = ["2026-03-09T12:00:00"] * 5 + ["2026-03-09T12:00:00Z"] * 5
        write_visits(HEADER + "".join(f"{row},1,2026-03-09,{moment}\n" for row, moment in enumerate(moments)))

        assert "line 7 holds '2026-03-09T12:00:00Z'" in refusal(settings, tmp_path, "visits")


class TestMissingFiles:
    def test_a_missing_file_is_named_with_what_is_there(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(sales, DAY - timedelta(days=3))

        message = refusal(settings, tmp_path)

        assert str(tmp_path / "sales" / "2026-03-09.parquet") in message
        assert "of 2026-03-06 to 2026-03-06" in message

    def test_a_misnamed_file_is_pointed_out(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(sales).rename(tmp_path / "sales" / "2026-3-09.parquet")

        assert "Nearest name there: 2026-3-09.parquet" in refusal(settings, tmp_path)

    def test_a_critical_source_needs_every_day(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(sales)

        with pytest.raises(SourceError, match=r"1 day.* missing, for 2026-03-10"):
            read(settings, tmp_path, to_day=DAY + timedelta(days=1))

    def test_an_optional_source_may_skip_days(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER + "1,2.5,2026-03-09,\n")

        found = read(settings, tmp_path, "visits", DAY + timedelta(days=1))

        assert [one.day for one in found.deliveries] == [DAY]

    def test_an_optional_source_with_no_day_at_all_is_refused(self, settings, tmp_path) -> None:
        assert "missing" in refusal(settings, tmp_path, "visits")

    def test_an_unknown_source_is_named_with_its_near_name(self, settings, tmp_path) -> None:
        with pytest.raises(SourceError, match="Did you mean 'sales'"):
            read(settings, tmp_path, "sale")


class TestDamagedFiles:
    @pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
    def test_a_truncated_parquet_file(self, settings, tmp_path, sales, write_sales, kept: float) -> None:
        path = write_sales(sales)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])

        message = refusal(settings, tmp_path)

        assert "truncated or corrupt" in message
        assert str(path) in message

    def test_a_parquet_file_with_damaged_data(self, settings, tmp_path, sales, write_sales) -> None:
        path = write_sales(sales)
        content = bytearray(path.read_bytes())
        content[4:60] = b"\xff" * 56
        path.write_bytes(content)

        assert "truncated or corrupt" in refusal(settings, tmp_path)

    def test_something_else_under_a_parquet_name(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales(sales).write_text("<html>502 Bad Gateway</html>")

        assert "cannot be read as Parquet" in refusal(settings, tmp_path)

    def test_a_parquet_file_that_is_packed_as_a_whole(self, settings, tmp_path, sales, write_sales) -> None:
        path = write_sales(sales)
        path.write_bytes(gzip.compress(path.read_bytes()))

        assert "cannot be read as Parquet: it is packed with gzip" in refusal(settings, tmp_path)

    def test_a_csv_file_that_ends_within_a_row(self, settings, tmp_path, write_visits) -> None:
        path = write_visits(HEADER + "1,2.5,2026-03-09,\n2,1.")

        message = refusal(settings, tmp_path, "visits")

        assert "truncated or corrupt" in message
        assert str(path) in message

    def test_a_csv_file_that_is_not_utf8(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER.encode() + b"1,\xff\xfe,2026-03-09,\n")

        assert "cannot be read as CSV" in refusal(settings, tmp_path, "visits")

    @pytest.mark.parametrize("name", ["sales", "visits"])
    def test_zero_bytes(self, settings, tmp_path, sales, write_sales, write_visits, name: str) -> None:
        write_sales(sales).write_bytes(b"")
        write_visits("")

        assert "0 bytes" in refusal(settings, tmp_path, name)


class TestEmptyFiles:
    def test_no_rows_are_refused_where_they_are_not_allowed(self, settings, tmp_path, write_visits) -> None:
        write_visits(HEADER)

        assert "no rows" in refusal(settings, tmp_path, "visits")

    def test_no_rows_without_a_reason_are_refused(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales({name: column.slice(0, 0) for name, column in sales.items()})

        assert "empty_because" in refusal(settings, tmp_path)

    def test_no_rows_with_a_declared_reason_are_a_delivery(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales({name: column.slice(0, 0) for name, column in sales.items()}, metadata={"empty_because": "closed"})

        found = read(settings, tmp_path)

        assert found.table.num_rows == 0
        assert [one.rows for one in found.deliveries] == [0]


class TestColumns:
    def test_a_renamed_column_is_named_with_its_new_name(self, settings, tmp_path, sales, write_sales) -> None:
        sales["amount_usd"] = sales.pop("amount")
        write_sales(sales)

        message = refusal(settings, tmp_path)

        assert "column 'amount' is missing (renamed to 'amount_usd'?)" in message
        assert "2026-03-09.parquet" in message

    def test_a_missing_column(self, settings, tmp_path, sales, write_sales) -> None:
        del sales["shop"]
        write_sales(sales)

        assert "column 'shop' is missing" in refusal(settings, tmp_path)

    def test_an_extra_column(self, settings, tmp_path, sales, write_sales) -> None:
        write_sales({**sales, "loyalty": sales["sale_id"]})

        assert "'loyalty' are not declared" in refusal(settings, tmp_path)

    def test_a_column_twice_in_a_csv_file(self, settings, tmp_path, write_visits) -> None:
        write_visits("visit_id,minutes,minutes,visited_on,seen_at\n1,2,3,2026-03-09,\n")

        assert "'minutes' occur more than once" in refusal(settings, tmp_path, "visits")

    def test_a_csv_file_without_its_header(self, settings, tmp_path, write_visits) -> None:
        write_visits("1,2.5,2026-03-09,\n2,2.5,2026-03-09,\n")

        assert "column 'visit_id' is missing" in refusal(settings, tmp_path, "visits")


class TestValues:
    @pytest.mark.parametrize(
        ("column", "values", "expected"),
        [
            ("sale_id", pa.array(["1", "2", "x3"]), "row 3 holds 'x3'"),
            ("sale_id", pa.array([1.0, 2.5, 3.0]), "row 2 holds 2.5"),
            ("sale_id", pa.array([True, False, True]), "row 1 holds True"),
            ("amount", pa.array(["1.5", "", "2"]), "row 2 holds ''"),
            ("amount", pa.array([1.0, 2.0, float("inf")]), "row 3 holds inf"),
            ("shop", pa.array([7, 8, 9]), "row 1 holds 7"),
            ("shop", pa.array(["a", None, "b\0"]), "row 3 holds 'b\\x00'"),
            ("shop", NOT_UTF8, "row 2 holds b'\\xfc'"),
            ("sold_at", pa.array([1, 2, 3]), "row 1 holds 1"),
            ("sold_at", pa.array([0, 1, 253_402_300_800], pa.timestamp("s")).cast("timestamp[us]"), "row 3 holds"),
            ("sold_at", pa.array([0, 1, 2**60], pa.timestamp("s")).cast("timestamp[ms]", safe=False), "row 3 holds"),
        ],
    )
    def test_the_first_value_of_a_wrong_type_is_named(
        self, settings, tmp_path, sales, write_sales, column: str, values: pa.Array, expected: str
    ) -> None:
        write_sales({**sales, column: values})

        message = refusal(settings, tmp_path)

        assert f"column {column!r} is declared {settings.sources['sales'].columns[column].type}" in message
        assert expected in message

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            ("0x1F,2.5,2026-03-09,", "column 'visit_id' is declared int64; line 3 holds '0x1F'"),
            ("12O,2.5,2026-03-09,", "column 'visit_id' is declared int64; line 3 holds '12O'"),
            ("12,2.5 min,2026-03-09,", "column 'minutes' is declared float64; line 3 holds '2.5 min'"),
            ("12,2.5,09.03.2026,", "column 'visited_on' is declared date; line 3 holds '09.03.2026'"),
            ("12,2.5,2026-03-09,noon", "column 'seen_at' is declared timestamp; line 3 holds 'noon'"),
        ],
    )
    def test_a_csv_value_is_named_by_its_line(self, settings, tmp_path, write_visits, row: str, expected: str) -> None:
        write_visits(f"{HEADER}1,1.0,2026-03-09,\n{row}\n3,1.0,2026-03-09,\n")

        assert re.search(re.escape(expected), refusal(settings, tmp_path, "visits"))

    def test_a_bad_value_is_found_among_many(self, settings, tmp_path, write_visits) -> None:
        rows = [f"{number},1.0,2026-03-09," for number in range(5000)]
        rows[3777] = "nobody,1.0,2026-03-09,"
        write_visits(HEADER + "\n".join(rows) + "\n")

        assert "line 3779 holds 'nobody'" in refusal(settings, tmp_path, "visits")
