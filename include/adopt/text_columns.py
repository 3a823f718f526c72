"""What text may be: the types to try, and why a column that looks like numbers or dates stays text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from include.adopt.values import count_matching, find_first, matches_all, matches_any
from include.settings.source_names import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

_LEADING_ZERO: Final = r"^[+-]?0\d"
_PLUS: Final = r"^\+"
_DIGITS: Final = r"^[+-]?\d+$"
_NUMBER: Final = r"^[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?$"
_DAY: Final = r"^\d{4}-\d{2}-\d{2}$"
# Many tools write a day as a midnight without a zone.
_DAY_OR_MIDNIGHT: Final = r"^\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?)?$"
# 03/04/2026, 3.4.26, 2026/04/03
_OTHER_DATE: Final = r"^\d{1,2}([/.-])\d{1,2}[/.-](\d{4}|\d{2})([ T].*)?$"
_DAY_FIRST: Final = r"^(1[3-9]|2\d|3[01])[/.-]"
_MONTH_FIRST: Final = r"^\d{1,2}[/.-](1[3-9]|2\d|3[01])[/.-]"
_YEAR_FIRST: Final = r"^\d{4}[/.]\d{1,2}[/.]\d{1,2}([ T].*)?$"
_ISO_DATE: Final = r"^\d{4}-\d{2}-\d{2}([ T].*)?$"
_ZONED: Final = r"(Z|[+-]\d{2}(:?\d{2})?)$"
_COMPACT_DAY: Final = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"


def list_text_types(texts: Sequence[pa.Array], *, is_csv: bool) -> tuple[ColumnType, ...]:
    """The types to try on text, the narrowest first; only CSV writes numbers as text."""
    are_days = all(matches_all(text, _DAY_OR_MIDNIGHT) for text in texts)
    dates: tuple[ColumnType, ...] = ("date", "string") if are_days else ("timestamp", "string")
    if not is_csv or any(matches_any(text, f"{_LEADING_ZERO}|{_PLUS}") for text in texts):
        return dates
    # Digits that are too many for int64 would lose some of them as float64.
    if all(matches_all(text, _DIGITS) for text in texts):
        return ("int64", *dates)
    return ("int64", "float64", *dates)


def explain_text(name: str, texts: Sequence[pa.Array], chosen: ColumnType, *, is_csv: bool) -> tuple[str, ...]:
    """What is unsure of a column of text that was given a type, as sentences."""
    if chosen == "int64" and all(matches_all(text, _COMPACT_DAY) for text in texts):
        example = find_first(texts[0], _COMPACT_DAY)
        return (f"column {name} holds days such as {example}, which are numbers here; 2026-01-31 would be a date.",)
    if chosen == "date" and not all(matches_all(text, _DAY) for text in texts):
        return (f"column {name} holds moments that are all midnight; it is declared as date.",)
    if chosen == "timestamp" and not all(matches_all(text, _ZONED) for text in texts):
        return explain_zone(name)
    return _explain_numbers(name, texts) if chosen == "string" and is_csv else ()


def explain_zone(name: str) -> tuple[str, ...]:
    """What is unsure of moments without a zone."""
    return (f"column {name} has no zone and is read as UTC; have it delivered with its zone if that is another one.",)


def explain_dates(name: str, texts: Sequence[pa.Array]) -> str | None:
    """That a column of text holds dates in a form that sources do not read; None where it holds others."""
    import pyarrow as pa

    text = pa.chunked_array(texts).combine_chunks()
    remedy = "it is declared as string; have it delivered as 2026-04-03 to make it a date"
    filled = len(text) - text.null_count
    if count_matching(text, _YEAR_FIRST) * 2 >= filled:
        return f"column {name} holds dates such as {find_first(text, _YEAR_FIRST)}, which are not read; {remedy}."
    if count_matching(text, _OTHER_DATE) * 2 < filled:
        forms = [one for one in (_ISO_DATE, _YEAR_FIRST, _OTHER_DATE) if matches_any(text, one)]
        if forms == [_ISO_DATE] and count_matching(text, _ISO_DATE) * 2 >= filled:
            other = find_first(text, _ISO_DATE, matching=False)
            values = f"but for others, such as {other!r}" if other is not None else "but for some that cannot be"
            return (
                f"column {name} holds dates {values}; it is declared as string: correct those, or take their rows out, "
                "to make it a date."
            )
        if len(forms) < 2 or sum(count_matching(text, one) for one in forms) * 2 < filled:
            return None
        examples = " and ".join(str(find_first(text, one)) for one in forms)
        return f"column {name} holds dates in several forms, such as {examples}; {remedy}."
    example = find_first(text, _OTHER_DATE)
    is_day_first, is_month_first = matches_any(text, _DAY_FIRST), matches_any(text, _MONTH_FIRST)
    if is_day_first == is_month_first:
        order = "whose first number may be the day or the month"
    else:
        order = f"whose first number is the {'day' if is_day_first else 'month'}"
    return f"column {name} holds dates such as {example}, {order}; {remedy}."


def _explain_numbers(name: str, texts: Sequence[pa.Array]) -> tuple[str, ...]:
    """Numbers that stay text, or text among numbers."""
    import pyarrow as pa

    text = pa.chunked_array(texts).combine_chunks()
    example = find_first(text, _LEADING_ZERO)
    if example and matches_all(text, _NUMBER):
        return (f"column {name} holds digits with leading zeros, such as {example}; it is declared as string.",)
    if matches_all(text, _NUMBER):
        reason = "too long for a number" if matches_all(text, _DIGITS) else "not written as numbers are read"
        return (f"column {name} holds values such as {find_first(text, _NUMBER)}, {reason}; it is declared as string.",)
    numbers = count_matching(text, _NUMBER)
    if numbers * 2 < len(text) - text.null_count:
        return ()
    other = find_first(text, _NUMBER, matching=False)
    return (
        f"column {name} mixes numbers with other text, such as {other!r}; it is declared as string, and would be a "
        "number if that were delivered as an empty value.",
    )
