"""Vars that are read without a default, in whatever way Jinja allows."""

from __future__ import annotations

import pytest

from include.check.variables import find_reads, read_variables


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("{{ var('a') }} {% if var(\"b\") %}{% endif %}", {"a", "b"}),
        ("{{ var('a', 1) }} {{ var('b', default=2) }}", set()),
        ("{{ var(name) }} {{ variable('a') }} {{ x.var('a') }}", set()),
        ("{# {{ var('a') }} #} var('b')", set()),
        ("{% do log(var('a')) %}", {"a"}),
        ("{% test t(model) %}{{ var('a') }} {{ var('b', 1) }}{% endtest %}", {"a"}),
    ],
)
def test_reads_of_vars(code: str, names: set[str]) -> None:
    assert find_reads(code) == names


def test_vars_of_the_project_itself_count(tmp_path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: plant\nvars: {a: 1, plant: {b: 2, a: 3}, other: {c: 4}}\n")

    assert {name: value for name, value in read_variables(tmp_path).items() if name in ("a", "b", "c")} == {
        "a": 3,
        "b": 2,
    }


def test_a_project_without_vars_has_none(tmp_path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: plant\n")

    assert read_variables(tmp_path) == {}
