"""One feature as its card shows it: what it is, its newest statistics, and how they went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.features.catalog import Feature, FeatureDetail, FeatureGroup
from include.quality_pages.plots import Point, draw_line, draw_share, format_number, format_share

Row = Mapping[str, Any]
_SIZE: Final[dict[str, Any]] = {"width": 360, "height": 96}
_LONGEST: Final = 40


def view_feature(
    group: FeatureGroup, feature: Feature, profiles: Sequence[Row], drift: Row | None, path: str
) -> dict[str, Any]:
    """What the card of a feature shows.

    Args:
        profiles: of the feature, ascending by date.
        drift: the last one that was measured, as ``quality.feature_drift`` has it.
        path: of the group's page.
    """
    detail = group.details.get(feature.name, FeatureDetail())
    newest = profiles[-1] if profiles else None
    return {
        "name": feature.name,
        "anchor": f"feature-{feature.name}",
        "path": f"{path}#feature-{feature.name}",
        "kind": feature.kind,
        "sets": group.sets.get(feature.name, ()),
        "tags": detail.tags,
        "description": detail.description,
        "limits": describe_limits(detail),
        "newest": newest and _view_newest(newest),
        "mean": _draw(profiles, "mean", f"Mean of {feature.name}"),
        "nulls": _draw_nulls(profiles, feature.name),
        "drift": drift and {"psi": format_number(drift["psi"]), "is_drifted": drift["is_drifted"]},
    }


def describe_limits(detail: FeatureDetail) -> str:
    """The declared limits in words; empty where there are none."""
    parts = [f"from {detail.minimum:g}"] if detail.minimum is not None else []
    parts += [f"up to {detail.maximum:g}"] if detail.maximum is not None else []
    parts += [f"at most {detail.max_null_share:.4g} missing"] if detail.max_null_share is not None else []
    return ", ".join(parts)


def _view_newest(profile: Row) -> dict[str, Any]:
    share, present = _share_missing(profile), profile["row_count"] - profile["null_count"]
    quantiles = sorted(((float(key), one) for key, one in (profile["quantiles"] or {}).items()), key=lambda one: one[0])
    return {
        "as_of_date": profile["as_of_date"],
        "missing": format_share(share),
        "distinct": format_number(profile["distinct_count"]),
        "mean": format_number(profile["mean"]),
        "deviation": format_number(profile["standard_deviation"]),
        "minimum": format_number(profile["minimum"]),
        "maximum": format_number(profile["maximum"]),
        "quantiles": [(f"{key * 100:g} %", format_number(one)) for key, one in quantiles],
        "top": [
            {"value": _shorten(value), "share": format_share(count / present), "bar": draw_share(count / present)}
            for value, count in sorted((profile["top_values"] or {}).items(), key=lambda one: (-one[1], one[0]))
        ]
        if present
        else [],
    }


def _draw(profiles: Sequence[Row], key: str, title: str) -> Any:
    if not any(profile[key] is not None for profile in profiles):
        return None
    return draw_line([_make_point(profile, profile[key]) for profile in profiles], title, **_SIZE)


def _draw_nulls(profiles: Sequence[Row], name: str) -> Any:
    shares = [_share_missing(profile) for profile in profiles]
    if not any(shares):
        return None
    points = [_make_point(profile, share) for profile, share in zip(profiles, shares, strict=True)]
    return draw_line(points, f"Missing values of {name}", form=format_share, floor=0.0, **_SIZE)


def _make_point(profile: Row, value: float | None) -> Point:
    state = "refused" if profile["state"] == "refused" else "passed"
    return Point(str(profile["as_of_date"]), value, state=state)


def _share_missing(profile: Row) -> float:
    return float(profile["null_count"] / profile["row_count"]) if profile["row_count"] else 0.0


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
