"""Schedules as cron expressions."""

from __future__ import annotations

from typing import Final

PRESETS: Final = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""Names that Airflow knows for cron expressions."""


def check_cron(expression: str) -> str:
    """A cron expression of five fields, or one of :data:`PRESETS`.

    The model server, whose image carries no cron library, takes an expression unread: it never runs one.

    Raises:
        ValueError: the expression cannot be read, or names a day that never comes.
    """
    if expression in PRESETS:
        return expression
    expected = f"a cron expression of five fields, such as 0 5 * * *, or one of {', '.join(PRESETS)}"
    if len(expression.split()) != 5:
        raise ValueError(expected)
    try:
        from croniter import croniter  # type: ignore[import-untyped]
    except ImportError:
        return expression
    try:
        croniter(expression).get_next()
    except (ValueError, KeyError) as error:
        raise ValueError(f"{expected} ({error})") from error
    return expression
