"""Settings of sources: what the shipped file says, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR, load_settings
from include.settings.section import parse_section, read_yaml
from include.settings.sources import PROJECT_ROOT, SourceSettings, sources_root
from tests.unit.sources.conftest import describe_sources

SALES, VISITS = (describe_sources()["sources"][name] for name in ("sales", "visits"))


def parse(description: dict[str, Any]) -> SourceSettings:
    return parse_section(description, SourceSettings, "development", "sources.yml")


# (examples begin)
def test_the_shipped_file_describes_the_tables_of_raw() -> None:
    settings = load_settings(environment="development").sources

    assert settings.schedule is None
    assert list(settings.sources["transactions"].published_columns) == [
        "household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value", "retail_disc",
        "coupon_disc", "coupon_match_disc", "sold_at", "day", "batch_day",
    ]  # fmt: skip
    assert list(settings.sources["coupon_redemptions"].published_columns) == [
        "household_id", "coupon_upc", "campaign_id", "day", "batch_day",
    ]  # fmt: skip


# (examples end)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_shipped_file_has_a_schedule_where_it_matters(environment: str) -> None:
    assert load_settings(environment=environment).sources.schedule


def test_every_key_of_the_shipped_file_is_written_out() -> None:
    content = read_yaml(CONFIG_DIR / "sources.yml")

    assert set(SourceSettings.model_fields) - {"local_systems"} <= set(content)


def test_the_environment_variable_wins_over_the_root(
    settings: SourceSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ORRERY_SOURCES_DIR", raising=False)
    assert sources_root(settings) == PROJECT_ROOT / settings.root

    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path))
    assert sources_root(settings) == tmp_path


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("sources", "sales", "path"), "sales/all.parquet", "'{day}' once"),
        (("sources", "sales", "path"), "{day}/sales.parquet", "in its last part"),
        (("sources", "sales", "key"), ["sale"], "sale is none of them"),
        (("sources", "sales", "event_column"), "shop", "type timestamp or date"),
        (("sources", "sales", "event_column"), None, "an event_column for a daily source"),
        (("sources", "visits", "allow_empty"), "if_declared", "only Parquet"),
        (("sources", "sales", "csv"), {"delimiter": ";"}, "csv only with format: csv, not with parquet"),
        (("sources", "sales", "compression"), "gzip", "compression only with csv and jsonl"),
        (("sources", "sales", "path"), "sales/{day}.parquet.gz", "the ending .gz of a path only with csv and jsonl"),
        (("sources", "visits", "format"), "xlsx", "'parquet', 'csv' or 'jsonl'"),
        (("sources", "visits", "compression"), "bzip2", "'gzip' or 'zstd'"),
        (("sources", "visits"), {**VISITS, "path": "{day}.gz", "compression": "zstd"}, "says gzip, compression zstd"),
        (("sources", "visits", "csv"), {"encoding": "latin-15b"}, "visits.csv.encoding': expected an encoding"),
        (("sources", "visits", "csv"), {"encoding": "base64"}, "visits.csv.encoding': expected an encoding"),
        (("sources", "visits", "csv"), {"delimiter": ", "}, "visits.csv.delimiter': expected one ASCII character"),
        (("sources", "visits", "csv"), {"delimiter": "\n"}, "visits.csv.delimiter': expected one ASCII character"),
        (("sources", "visits", "csv"), {"quote": ""}, "visits.csv.quote': expected one ASCII character"),
        (("sources", "visits", "csv"), {"delimiter": "1"}, "visits.csv.delimiter': expected one ASCII character"),
        (("sources", "visits", "csv"), {"quote": ","}, "neither the delimiter nor the decimal mark"),
        (("sources", "visits", "csv"), {"decimal": ","}, "a delimiter that is not the decimal mark; both are ','"),
        (("sources", "visits", "csv"), {"delimeter": ";"}, "did you mean 'delimiter'"),
        (("sources", "sales", "columns", "amount", "type"), "decimal", "int64"),
        (("sources", "sales", "columns", "shop", "min"), 1, "min, max and mean_band on int64 or float64"),
        (("sources", "sales", "columns", "amount", "allowed"), ["1"], "allowed on string"),
        (("sources", "sales", "fresness_hours"), 3, "did you mean 'freshness_hours'"),
        (("sources", "sales", "columns", "amount"), {"type": "float64", "min": 2, "max": 1}, "2 is above 1"),
        (("sources", "sales", "columns", "amount"), {"type": "float64", "mean_band": [2, 1]}, "2 is above 1"),
        (("sources", "sales", "columns", "amount"), {"type": "float64", "mean_band": [-1, 1]}, "mean_band.0"),
        (("sources", "sales", "columns", "amount", "max"), float("inf"), "columns.amount.max"),
        (("sources", "sales", "columns", "amount", "min"), float("nan"), "columns.amount.min"),
        (("sources", "sales", "columns", "amount", "mean_band"), [0, float("inf")], "columns.amount.mean_band.1"),
        (("sources", "sales", "freshness_hours"), float("inf"), "sales.freshness_hours"),
        (("sources", "sales", "volume"), {"min_ratio": 2, "max_ratio": 1}, "2 is above 1"),
        (("sources", "sales", "volume"), {"max_ratio": float("nan")}, "volume.max_ratio"),
        (("quality",), {"weights": {"range": float("inf")}}, "weights.range"),
        (("quality",), {"weights": {"range": -1}}, "weights.range"),
        (("quality",), {"minimum_score": float("nan")}, "quality.minimum_score"),
        (("quality",), {"history_deliveries": 3, "min_history_deliveries": 7}, "at least min_history_deliveries"),
        (("sources", "sales", "key"), ["sale_id", "sale_id"], "sale_id twice"),
        (("schedule",), "0 25 * * *", "key 'schedule'"),
        (("schedule",), "0 5 * *", "five fields"),
        (("schedule",), "0 5 * * * *", "five fields"),
        (("schedule",), "0 0 30 2 *", "key 'schedule'"),
        (("schedule",), "@noon", "@daily"),
        (("time_zone",), "America/Newyork", "IANA"),
        (("catch_up_days",), 0, "greater than or equal to 1"),
        (("keep_days",), 7, "a keep_days above catch_up_days and the longest allowed_lateness_days (7 + 0), not 7"),
        (("keep_days",), 0, "key 'keep_days'"),
        (("sources", "sales_20260309"), VISITS, "a day of sales is kept in a table of that name"),
        (("sources", "s" * 55), SALES, "a name of 54 characters at most for the daily source"),
        (("catch_up_days",), 10**9, "less than or equal to 3660"),
        (("wait",), {"poll_minutes": 0}, "greater than 0"),
        (("wait",), {"timeout_minutes": -1}, "greater than or equal to 0"),
        (("quality",), {"minimum_score": 8}, "less than or equal to 1"),
        (("quality",), {"weights": {"speed": 1}}, "schema"),
    ],
)
def test_what_does_not_fit_is_named(
    description: dict[str, Any], path: tuple[str, ...], value: Any, expected: str
) -> None:
    target = description
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value

    with pytest.raises(SettingsError) as caught:
        parse(description)

    assert expected in str(caught.value)


BUCKET = {**VISITS, "kind": "object_store", "store": "s3", "bucket": "exports", "connection": "exports"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"kind": "file"}, "key 'sources.visits.kind': expected one of 'files', 'object_store', 'http', 'postgres', "
                           "found 'file'; did you mean 'files'?"),
        ({"kind": None}, "key 'sources.visits.kind'"),
        ({"bukket": "x"}, "unknown key 'sources.visits.bukket'; did you mean 'bucket'?"),
        ({"kind": "files"}, "unknown key 'sources.visits.store'"),
        ({"store": "azure"}, "key 'sources.visits.store': expected 's3' or 'gcs', found 'azure'"),
        ({"bucket": "s3://exports"}, "bucket: the name alone, not 's3://exports'"),
        ({"path": "/in/{day}.csv"}, "a path without '/' at its start"),
        ({"path": "in/all.csv"}, "'{day}' once"),
        ({"connection": "my exports"}, "key 'sources.visits.connection'"),
        ({"csv": {"delimeter": ";"}}, "unknown key 'sources.visits.csv.delimeter'; did you mean 'delimiter'?"),
        ({"columns": {"visit_id": {"type": "int"}}}, "key 'sources.visits.columns.visit_id.type'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_bucket_is_named(
    description: dict[str, Any], changed: dict[str, Any], expected: str
) -> None:
    description["sources"]["visits"] = {**BUCKET, **changed}

    with pytest.raises(SettingsError) as caught:
        parse(description)

    assert expected in str(caught.value)


def test_a_kind_or_a_connection_that_is_left_out_is_missing(description: dict[str, Any]) -> None:
    for key in ("kind", "connection"):
        description["sources"]["visits"] = {name: value for name, value in BUCKET.items() if name != key}
        with pytest.raises(SettingsError, match=f"key 'sources.visits.{key}' is missing"):
            parse(description)


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ({"columns": ["shop"], "source": "shops"}, "not 'shops'"),
        ({"columns": ["shop"], "source": "visits"}, "shop does not exist"),
        ({"columns": ["sale_id"], "source": "visits", "to": ["visit_id", "day"]}, "as many existing columns"),
    ],
)
def test_a_relation_to_nothing_is_refused(description: dict[str, Any], relation: dict[str, Any], expected: str) -> None:
    description["sources"]["sales"]["relations"] = [relation]

    with pytest.raises(SettingsError, match=expected):
        parse(description)


def test_relations_that_would_be_measured_as_one_are_refused(description: dict[str, Any]) -> None:
    relation = {"columns": ["sale_id"], "source": "visits"}
    description["sources"]["sales"]["relations"] = [
        {**relation, "to": ["visit_id"]}, {**relation, "to": ["minutes"]}
    ]  # fmt: skip

    with pytest.raises(SettingsError, match="one relation of sales to visits by sale_id"):
        parse(description)


@pytest.mark.parametrize(
    ("column", "target"), [("shop", "visit_id"), ("sold_at", "day"), ("day", "seen_at"), ("sale_id", "visited_on")]
)
def test_a_relation_between_values_that_cannot_be_compared_is_refused(
    description: dict[str, Any], column: str, target: str
) -> None:
    description["sources"]["sales"]["relations"] = [{"columns": [column], "source": "visits", "to": [target]}]

    with pytest.raises(SettingsError, match=f"{column} is a .*, {target} a "):
        parse(description)


@pytest.mark.parametrize(("column", "target"), [("sale_id", "minutes"), ("day", "batch_day"), ("sold_at", "seen_at")])
def test_a_relation_between_values_of_one_kind_is_taken(description: dict[str, Any], column: str, target: str) -> None:
    description["sources"]["sales"]["relations"] = [{"columns": [column], "source": "visits", "to": [target]}]

    assert parse(description).sources["sales"].relations[0].targets == (target,)


@pytest.mark.parametrize("expression", ["0 5 * * *", "*/15 6-20 * * mon-fri", "@daily", None])
def test_a_cron_expression_is_taken(description: dict[str, Any], expression: str | None) -> None:
    assert parse({**description, "schedule": expression}).schedule == expression


def test_a_value_outside_of_the_current_environment_is_checked_too(description: dict[str, Any]) -> None:
    description["environments"] = {"production": {"schedule": "0 25 * * *"}}

    with pytest.raises(SettingsError, match=r"(?s)environment 'production'.*schedule"):
        parse(description)
