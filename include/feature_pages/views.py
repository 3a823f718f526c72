"""From the catalog, the declared models and the records of the validation to what the templates show: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from include.feature_pages.feature_view import view_feature
from include.feature_pages.lineage import ModelLineage
from include.feature_pages.paths import group_path, label_path
from include.feature_pages.queries import GroupRecords
from include.features.catalog import Catalog, Entity, FeatureGroup, LabelTable
from include.quality_pages.plots import Point, draw_line, format_share
from include.settings.models import ModelSettings

Row = Mapping[str, Any]
_STATES: Final = {True: ("passed", "published"), False: ("refused", "refused")}


def view_index(
    catalog: Catalog, summaries: Mapping[str, Row], models: Iterable[ModelSettings], root: str
) -> dict[str, Any]:
    """All groups and label tables by name, and the declarations that are wrong."""
    declared = list(models)
    groups = [
        {**_describe_group(group, root), "models": list_users(group.name, declared), **_view_state(group, summaries)}
        for group in catalog.groups.values()
    ]
    labels = [
        {**_describe_label(label, root), "models": list_users(label.name, declared)}
        for label in catalog.labels.values()
    ]
    return {"groups": groups, "labels": labels, "errors": dict(catalog.errors)}


def view_group(
    group: FeatureGroup, records: GroupRecords, lineage: ModelLineage, models: Iterable[ModelSettings], root: str
) -> dict[str, Any]:
    """One group: what it is, whether it is published, every feature over time, and what it is made from."""
    by_feature: dict[str, list[Row]] = {}
    for profile in records.profiles:
        by_feature.setdefault(profile["feature"], []).append(profile)
    published = [row for row in records.dates if row["state"] == "published"]
    rows = [Point(str(row["as_of_date"]), row["row_count"], state=_name_point(row["state"])) for row in records.dates]
    path = group_path(group.name, root)
    return {
        **_describe_group(group, root),
        "newest": published[-1] if published else None,
        "date_count": len(records.dates),
        "refused": [row for row in records.dates if row["state"] == "refused"],
        "rows": draw_line(rows, "Rows", floor=0.0) if rows else None,
        "features": [
            view_feature(group, feature, by_feature.get(feature.name, []), records.drift.get(feature.name), path)
            for feature in group.features
        ],
        "has_drift": bool(records.drift),
        "reference_date": next((row["reference_as_of_date"] for row in records.drift.values()), None),
        "validations": [_view_validation(row) for row in records.validations],
        "models": list_users(group.name, models),
        "lineage": lineage,
    }


def view_label(
    label: LabelTable, rows: Sequence[Row], lineage: ModelLineage, models: Iterable[ModelSettings], root: str
) -> dict[str, Any]:
    """One label table: what it is, each label over time, and what it is made from."""
    declared = list(models)

    def draw(title: str, key: str, **options: Any) -> Any:
        points = [Point(str(row["as_of_date"]), row[key]) for row in rows]
        return draw_line(points, title, **options)

    small: Any = {"width": 360, "height": 110}
    columns = [
        {
            "name": name,
            "task": task,
            "models": [model.name for model in declared if model.label == f"{label.name}.{name}"],
            "plot": draw(f"Mean of {name}", f"m{index}", floor=0.0, **_form(task), **small)
            if rows and task != "multiclass"
            else None,
            "title": "Share of positive" if task == "binary" else "Mean",
            "known": format_share(rows[-1][f"n{index}"] / rows[-1]["row_count"]) if rows else "–",
        }
        for index, (name, task) in enumerate(label.columns.items())
    ]
    return {
        **_describe_label(label, root),
        "newest": rows[-1] if rows else None,
        "date_count": len(rows),
        "rows": draw("Rows", "row_count", floor=0.0) if rows else None,
        "columns": columns,
        "models": list_users(label.name, declared),
        "lineage": lineage,
    }


def list_users(table: str, models: Iterable[ModelSettings]) -> list[dict[str, str]]:
    """The declared models that use a group or a label table, and as what."""
    users = []
    for model in models:
        uses = ["features"] if table in model.features.groups else []
        uses += [f"label {model.label_column}"] if table == model.label_table else []
        if uses:
            users.append({"name": model.name, "use": " and ".join(uses), "owner": model.owner})
    return users


def describe_entity(entity: Entity) -> str:
    """An entity with its keys and their types."""
    return f"{entity.name} ({', '.join(f'{key.name} {key.type}' for key in entity.keys)})"


def describe_cadence(days: int) -> str:
    """How often a group has an as-of date."""
    return "every day" if days == 1 else f"every {days} days"


def _describe_group(group: FeatureGroup, root: str) -> dict[str, Any]:
    return {
        "name": group.name,
        "path": group_path(group.name, root),
        "description": group.description.strip(),
        "owner": group.owner,
        "entity": describe_entity(group.entity),
        "event_time": group.event_time,
        "cadence": describe_cadence(group.cadence_days),
        "version": group.version,
        "tags": group.tags,
        "table": str(group.table),
        "online": str(group.online) if group.online else None,
        "feature_count": len(group.features),
        "feature_names": [feature.name for feature in group.features],
        "sets": sorted({name for names in group.sets.values() for name in names}),
    }


def _describe_label(label: LabelTable, root: str) -> dict[str, Any]:
    return {
        "name": label.name,
        "path": label_path(label.name, root),
        "description": label.description.strip(),
        "owner": label.owner,
        "entity": describe_entity(label.entity),
        "event_time": label.event_time,
        "table": str(label.table),
        "horizon_days": label.horizon_days,
        "labels": [f"{name} ({task})" for name, task in label.columns.items()],
    }


def _view_state(group: FeatureGroup, summaries: Mapping[str, Row]) -> dict[str, Any]:
    found = summaries.get(group.name)
    if found is None:
        return {"found": None}
    state, text = _STATES[found["passed"]]
    return {"found": found, "state": state, "state_text": text}


def _view_validation(row: Row) -> dict[str, Any]:
    state, text = _STATES[row["passed"]]
    first, last = row["first_as_of"], row["newest_as_of"]
    broken = [_describe_rule(rule) for rule in row["rules"] if not rule["has_passed"]]
    return {
        **row,
        "state": state,
        "state_text": text,
        "days": "nothing new" if first is None else str(first) if first == last else f"{first} to {last}",
        "broken": broken,
        "remedies": list(dict.fromkeys(f"{rule['dimension']}: {rule['remedy']}" for rule in broken)),
        "rule_count": len(row["rules"]),
    }


def _describe_rule(rule: Row) -> dict[str, Any]:
    return {**rule, "name": f"{rule['dimension']} of {rule['column']}" if rule["column"] else rule["dimension"]}


def _name_point(state: str) -> str:
    return "passed" if state == "published" else state


def _form(task: str) -> dict[str, Any]:
    return {"form": format_share} if task == "binary" else {}
