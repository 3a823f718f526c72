"""Settings of sources: what the shipped file says, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR, load_settings
from include.settings.section import parse_section, read_yaml
from include.settings.sources import PROJECT_ROOT, SourceSettings, sources_root


def parse(description: dict[str, Any]) -> SourceSettings:
    return parse_section(description, SourceSettings, "development", "sources.yml")


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


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_shipped_file_has_a_schedule_where_it_matters(environment: str) -> None:
    assert load_settings(environment=environment).sources.schedule


def test_every_key_of_the_shipped_file_is_written_out() -> None:
    content = read_yaml(CONFIG_DIR / "sources.yml")

    assert set(SourceSettings.model_fields) <= set(content)


def test_the_environment_variable_wins_over_the_root(
    settings: SourceSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ORRERY_SOURCES_DIR", raising=False)
    assert sources_root(settings) == PROJECT_ROOT / ".local/shop"

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
        (("sources", "sales", "columns", "amount", "type"), "decimal", "int64"),
        (("sources", "sales", "columns", "shop", "min"), 1, "min, max and mean_band on int64 or float64"),
        (("sources", "sales", "columns", "amount", "allowed"), ["1"], "allowed on string"),
        (("sources", "sales", "fresness_hours"), 3, "did you mean 'freshness_hours'"),
        (("time_zone",), "America/Newyork", "IANA"),
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
