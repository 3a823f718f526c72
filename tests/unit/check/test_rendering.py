"""SQL of models as a first build would run it, without dbt."""

from __future__ import annotations

from typing import Any

import pytest

from include.check.rendering import Renderer


def render(code: str, macros: dict[str, str] | None = None, **variables: Any) -> str:
    """A model's SQL, with macros of the project and one of a package."""
    named = {
        name: {"name": name, "package_name": "plant", "macro_sql": f"{{% macro {name} %}}{text}{{% endmacro %}}"}
        for name, text in (macros or {}).items()
    }
    found = {key: {**one, "name": key.partition("(")[0]} for key, one in named.items()}
    found["star"] = {"name": "star", "package_name": "other", "macro_sql": "{% macro star() %}*{% endmacro %}"}
    manifest = {"metadata": {"project_name": "plant"}, "macros": found, "nodes": {}, "sources": {}}
    node = {"name": "one", "config": {"limit": 3}, "package_name": "plant", "raw_code": code}
    return " ".join(Renderer(manifest, variables).render(node).split())


@pytest.mark.parametrize(
    ("code", "sql"),
    [
        ("select * from {{ ref('a') }}, {{ ref('package', 'b') }}", 'select * from "dbt"."a", "dbt"."b"'),
        ("select * from {{ source('raw', 'a') }}", 'select * from "raw"."a"'),
        ("{{ config(materialized='table') }} select {{ config.get('limit') }}", "select 3"),
        ("select {{ var('days') }}, {{ var('more', 2) }}, {{ var('none') }}", "select 7, 2, null"),
        ("{% if is_incremental() %} delete {% endif %} select 1 from {{ this }}", 'select 1 from "dbt"."one"'),
        ("{% if execute %} {{ run_query('select 1') }} {% endif %} select 1", "select 1"),
        ("{% set x = [] %}{% do x.append(1) %} select {{ x | join(',') }}, {{ '2' | as_number }}", "select 1, 2"),
    ],
)
def test_what_dbt_means_by_its_names(code: str, sql: str) -> None:
    assert render(code, days=7) == sql


def test_macros_call_each_other_and_hand_back_values() -> None:
    macros = {
        "outer(x)": "{{ inner(x) + 1 }}",
        "inner(x)": "ignored {% if x %}{{ return(x * 2) }}{% endif %} {{ return(none) }}",
        "names()": "{{ return(['a', 'b']) }}",
    }

    assert render("select {{ outer(3) }}, {{ names() | join(', ') }}", macros) == "select 7, a, b"


@pytest.mark.parametrize("code", ["{{ star() }}", "{{ adapter.get_relation() }}", "{{ nothing }}", "{% test x() %}"])
def test_what_it_does_not_know_is_an_error_and_never_nothing(code: str) -> None:
    with pytest.raises(Exception, match=r"."):
        render(code)
