"""How answers differ between groups of entities, as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.bars import Entry, draw_entries, write_percent

_REACH: Final = 1.96
_MOST_MEASURES: Final = 6
_MOST_GROUPS: Final = 20


def draw_attribute(attribute: Mapping[str, Any], min_ratio: float | None) -> Iterator[tuple[str, Markup, str]]:
    """Title, picture and a note of the measures of an attribute that differ most: the share of each group."""
    worst = {(one["kind"], one["title"]): one for one in attribute.get("worst") or ()}
    measures = [one for one in attribute.get("rates") or () if one["rates"]]
    measures.sort(key=lambda one: worst.get((one["kind"], one["title"]), {}).get("ratio", 1.0))
    for measure in measures[:_MOST_MEASURES]:
        rates = measure["rates"][:_MOST_GROUPS]
        entries = [_make_entry(rate) for rate in sorted(rates, key=lambda one: -_share(one))]
        title = f"{attribute['attribute']}: {measure['title']}"
        pair = worst.get((measure["kind"], measure["title"]))
        yield title, draw_entries(entries, title, form=write_percent), _describe_pair(measure["kind"], pair, min_ratio)


def estimate_share(hits: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    if not rows:
        return 0.0, 1.0
    share, squared = hits / rows, _REACH**2
    middle = (share + squared / (2 * rows)) / (1 + squared / rows)
    reach = _REACH / (1 + squared / rows) * sqrt(share * (1 - share) / rows + squared / (4 * rows**2))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def _share(rate: Mapping[str, Any]) -> float:
    return float(rate["hits"] / rate["rows"]) if rate["rows"] else 0.0


def _make_entry(rate: Mapping[str, Any]) -> Entry:
    low, high = estimate_share(rate["hits"], rate["rows"])
    return Entry(f"{rate['group']} ({rate['rows']:,})", _share(rate), low, high)


def _describe_pair(kind: str, pair: Mapping[str, Any] | None, min_ratio: float | None) -> str:
    """Which measure it is, and how its most different groups compare."""
    if pair is None:
        return f"{kind.capitalize()}: fewer than two groups have enough rows."
    asked = "" if min_ratio is None else f", {min_ratio:g} is asked"
    lower, higher = pair["lower"]["group"], pair["higher"]["group"]
    return f"{kind.capitalize()}: {lower} to {higher} is a ratio of {pair['ratio']:.2f}{asked}."
