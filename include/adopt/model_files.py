"""Writes the files of a new model out of its plan, as text; ``templates/`` holds what they look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from include.adopt.event_part import EventPart, ListPart
from include.adopt.flat_plan import FlatPlan
from include.adopt.model_plan import ModelPlan
from include.adopt.sql_layout import name_expression, write_built, write_clause, write_list
from include.adopt.staged_columns import StagedColumn
from include.adopt.window_example import WindowExample, count_back
from include.settings.source_base import SourceBase

_TEMPLATES: Final = Path(__file__).parent / "templates"
_FOLDERS: Final = {
    "event_days": "models/intermediate/calendar",
    "as_of_dates": "models/intermediate/calendar",
    "label_dates": "models/intermediate/calendar",
    "days": "models/intermediate/events",
    "windows": "models/intermediate/features",
    "rhythm": "models/intermediate/features",
    "variety": "models/intermediate/features",
    "group": "models/marts",
    "labels": "models/marts",
    "latest": "models/marts/online",
}


def render_staging(part: EventPart | ListPart, source: SourceBase) -> dict[str, str]:
    """The staging view of a source and its yml, by their paths in the dbt project."""
    if isinstance(part, ListPart):
        template, values = "flat_staging", {"source_text": source.description or f"Rows of {part.source}."}
    else:
        template, values = "staging", _describe_staging(part, source)
    path = f"models/staging/stg_{part.source}"
    return {f"{path}.{kind}": render_template(part, f"{template}.{kind}", **values) for kind in ("sql", "yml")}


def _describe_staging(part: EventPart, source: SourceBase) -> dict[str, Any]:
    names = {column.origin: column.name for column in part.staged}
    return {
        "source_text": _describe_rows(part.source, source),
        "filled": [*(one.name for one in part.staged if not one.settings.nullable), "day", "batch_day"],
        "source_key": [names.get(origin, "day") for origin in source.key],
    }


def render_project(plan: ModelPlan) -> dict[str, str]:
    """The dbt models besides staging with their ymls, and the tests over several, by their paths in the dbt project."""
    files = _render_models(plan, plan.models)
    for part in plan.further:
        files |= _render_models(part, part.own_models)
    for test, (of, template) in list_data_tests(plan).items():
        files[f"data-tests/{test}.sql"] = render_template(of, f"{template}.sql")
    return files


def _render_models(plan: ModelPlan | EventPart, models: Mapping[str, str]) -> dict[str, str]:
    # What is made of a source is rendered for that source, whichever it is.
    parts = dict.fromkeys(plan.main.own_models, plan.main) if isinstance(plan, ModelPlan) else {}
    return {
        f"{_FOLDERS[kind]}/{name}.{ending}": render_template(parts.get(kind, plan), f"{kind}.{ending}")
        for kind, name in models.items()
        for ending in ("sql", "yml")
        if (_TEMPLATES / f"{kind}.{ending}").exists()
    }


def list_data_tests(plan: ModelPlan) -> dict[str, tuple[ModelPlan | EventPart | ListPart, str]]:
    """The tests over several models, by name, with what each is about and its template."""
    group, name = plan.group, plan.request.name
    return {
        f"assert_{group}_ignore_the_future": (plan.main, "assert_features_ignore_the_future"),
        **{
            f"assert_{group}_ignore_the_future_of_{part.source}": (part, "assert_features_ignore_the_future")
            for part in plan.further
        },
        **{
            f"assert_{group}_ignore_the_future_of_{one.source}": (one, "assert_lists_ignore_the_future")
            for one in plan.lists
            if one.features
        },
        f"assert_{group}_online_equals_offline": (plan, "assert_features_online_equals_offline"),
        f"assert_{name}_labels_and_features_share_entities": (plan, "assert_labels_and_features_share_entities"),
    }


def render_model_file(plan: ModelPlan, spacing_days: int | None) -> str:
    """The model's own file.

    Args:
        spacing_days: between training cutoffs; None: as in the shared settings.
    """
    return render_template(plan, "model.yml", spacing_days=spacing_days)


def render_table(part: EventPart | ListPart | FlatPlan, source: SourceBase) -> list[str]:
    """The lines that declare the published table among dbt's sources."""
    if isinstance(part, EventPart):
        text = _describe_rows(part.source, source)
        added = {"day": "Day of the event.", "batch_day": "Day of the delivery that brought the row."}
    else:
        text = f"{source.description or f'Rows of {part.source}.'} All copies."
        added = {
            "valid_from": "First as-of date at which the row counts, the day after it became known.",
            "valid_to": "First as-of date at which it does not any more; 9999-12-31 while it does.",
        }
    lines = [f"- name: {part.source}", f"  description: {quote_yaml(text)}", "  columns:"]
    for name, description in ({one.published: one.description for one in part.staged} | added).items():
        lines += [f"    - name: {quote_yaml(name)}", f"      description: {quote_yaml(description)}"]
    return lines


def _describe_rows(name: str, source: SourceBase) -> str:
    return source.description or f"Rows of {name}. One row per {', '.join(source.key)}."


def render_vars(plan: ModelPlan, missing: Sequence[str]) -> list[str]:
    """The lines of the vars that the dbt project lacks."""
    name, group, values, longest = plan.request.name, plan.group, plan.var_values, plan.sentence.lookback_days
    horizon = plan.vars["horizon"]
    own = [f"# {name}: {' '.join(plan.request.label.split())}.", f"{horizon}: {values[horizon]}"]
    shared = [
        f"# {group}: rows are what had {plan.events} in the active window (at most {longest} days). Features look",
        f"# at the history (at least {longest} days, the longest window). As-of dates are all Mondays, and every day",
        "# from the daily ones before the first build on.",
        *(f"{one}: {values[one]}" for one in plan.vars.values() if one != horizon and one in missing),
    ]
    return [*(own if horizon in missing else []), *(shared if set(missing) - {horizon} else [])]


def quote_yaml(text: str) -> str:
    """A text as YAML, plain where it may be; dbt renders descriptions, so that braces are taken apart."""
    plain = re.sub(r"\{(?=[{%#])", "{ ", " ".join(text.split()))
    if re.fullmatch(r"[A-Za-z][\w ,;.()'`/-]*", plain) and plain.lower() not in ("true", "false", "yes", "no", "null"):
        return plain
    return json.dumps(plain, ensure_ascii=False)


def list_names(columns: Iterable[StagedColumn], indent: int) -> str:
    """Names of columns as a list of Jinja."""
    names = [f"'{column.name}'" for column in columns]
    return f"[{write_list(names, indent + 24, indent)}]"


def render_template(plan: ModelPlan | EventPart | ListPart | FlatPlan, template: str, **values: Any) -> str:
    """One of the templates, for what was planned."""
    page = _load_environment().get_template(template)
    return page.render(plan=plan, keys=list(plan.entity.names), **plan.models, **values)


@cache
def _load_environment() -> jinja2.Environment:
    """Other marks than dbt's, which stay as they are."""
    environment = jinja2.Environment(  # noqa: S701 - it writes SQL and YAML, no HTML
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        block_start_string="<%", block_end_string="%>", variable_start_string="<<", variable_end_string=">>",
        comment_start_string="<#", comment_end_string="#>",
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "text": quote_yaml,
        "names": list_names,
        "named": name_expression,
        "clause": write_clause,
        "listed": write_list,
        "marked": write_built,
        "refs": lambda names: [f"ref('{name}')" for name in names],
        "quoted": lambda names: [f"'{name}'" for name in names],
        "prefixed": lambda names, prefix: [prefix + name for name in names],
        "suffixed": lambda names, suffix: [name + suffix for name in names],
    }
    environment.globals |= {"make_example": WindowExample, "days_ago": count_back}
    return environment
