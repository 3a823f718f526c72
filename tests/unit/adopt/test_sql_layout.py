"""What is short stays on one line; what is long is broken as the linter wants it."""

from __future__ import annotations

from include.adopt.sql_layout import MAX_LINE, name_expression, write_built, write_clause, write_list

LONG = [f"column_{number}_of_a_machine" for number in range(6)]


def test_what_fits_stays_on_one_line() -> None:
    assert name_expression("sum(heat)", "heat_sum") == "sum(heat) as heat_sum"
    assert write_clause(["a", "b"], "group by") == "group by a, b"
    assert write_list(["a", "b"], 20, 4) == "a, b"
    assert write_built("int_days", ["a", "day"]) == "ref('int_days'), 'a, day'"


def test_what_does_not_fit_is_broken() -> None:
    expression = "coalesce(" + "x" * 80 + ", 0)"
    assert name_expression(expression, "x" * 20) == f"{expression}\n            as {'x' * 20}"
    assert write_clause(LONG, "group by").splitlines()[:2] == ["group by", f"        {LONG[0]},"]
    assert write_list(LONG, 20, 4).splitlines()[1:3] == [f"        {LONG[0]},", f"        {LONG[1]},"]
    assert "\n" in write_built("int_days", LONG)


def test_no_line_is_longer_than_the_linter_takes() -> None:
    for count in range(1, 7):
        for text in (write_clause(LONG[:count], "order by"), write_list(LONG[:count], 20, 4)):
            assert max(len(line) for line in text.splitlines()) + 4 <= MAX_LINE
    for length in range(60, 100):
        assert all(8 + len(line) <= MAX_LINE for line in name_expression("x" * length, "name").splitlines()[:1])
