"""Writes the files of a new model out of its plan, as text; ``templates/`` holds what they look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from include.adopt.model_plan import ModelPlan
from include.adopt.sql_layout import name_expression, write_built, write_clause, write_list
from include.adopt.staged_columns import StagedColumn
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


def render_staging(plan: ModelPlan, source: SourceBase) -> dict[str, str]:
    """The staging view of the source and its yml, by their paths in the dbt project."""
    names = {column.origin: column.name for column in plan.columns.staged}
    values = {
        "source_text": source.description or f"Rows of {plan.source}. One row per {', '.join(source.key)}.",
        "filled": [*(one.name for one in plan.columns.staged if not one.settings.nullable), "day", "batch_day"],
        "source_key": [names.get(origin, "day") for origin in source.key],
    }
    path = f"models/staging/stg_{plan.source}"
    return {f"{path}.{kind}": _render(plan, f"staging.{kind}", **values) for kind in ("sql", "yml")}


def render_project(plan: ModelPlan) -> dict[str, str]:
    """The dbt models besides staging with their ymls, and the tests over several, by their paths in the dbt project."""
    files = {}
    for part, name in plan.models.items():
        for kind in ("sql", "yml"):
            if (_TEMPLATES / f"{part}.{kind}").exists():
                files[f"{_FOLDERS[part]}/{name}.{kind}"] = _render(plan, f"{part}.{kind}")
    for test, template in list_data_tests(plan).items():
        files[f"data-tests/{test}.sql"] = _render(plan, f"{template}.sql")
    return files


def list_data_tests(plan: ModelPlan) -> dict[str, str]:
    """The tests over several models, by name, with the template of each."""
    group, name = plan.group, plan.request.name
    return {
        f"assert_{group}_ignore_the_future": "assert_features_ignore_the_future",
        f"assert_{group}_online_equals_offline": "assert_features_online_equals_offline",
        f"assert_{name}_labels_and_features_share_entities": "assert_labels_and_features_share_entities",
    }


def render_model_file(plan: ModelPlan) -> str:
    """The model's own file."""
    return _render(plan, "model.yml")


def render_table(plan: ModelPlan, source: SourceBase) -> list[str]:
    """The lines that declare the published table among dbt's sources."""
    text = source.description or f"Rows of {plan.source}. One row per {', '.join(source.key)}."
    lines = [f"- name: {plan.source}", f"  description: {quote_yaml(text)}", "  columns:"]
    columns = {one.published: one.description for one in plan.columns.staged}
    columns |= {"day": "Day of the event.", "batch_day": "Day of the delivery that brought the row."}
    for name, description in columns.items():
        lines += [f"    - name: {quote_yaml(name)}", f"      description: {quote_yaml(description)}"]
    return lines


def render_vars(plan: ModelPlan, missing: Sequence[str]) -> list[str]:
    """The lines of the vars that the dbt project lacks."""
    name, group, values = plan.request.name, plan.group, plan.var_values
    horizon = plan.vars["horizon"]
    own = [f"# {name}: {' '.join(plan.request.label.split())}.", f"{horizon}: {values[horizon]}"]
    shared = [
        f"# {group}: rows are what had {plan.events} in the active window (at most 84 days). Features look",
        "# at the history (at least 84 days, the longest window). As-of dates are all Mondays, and every day from",
        "# the daily ones before the first build on.",
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


def _render(plan: ModelPlan, template: str, **values: Any) -> str:
    page = _load_environment().get_template(template)
    return page.render(plan=plan, keys=list(plan.key_names), features=plan.features, **plan.models, **values)


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
        "quoted": lambda names: [f"'{name}'" for name in names],
        "prefixed": lambda names, prefix: [prefix + name for name in names],
        "suffixed": lambda names, suffix: [name + suffix for name in names],
    }
    environment.globals |= {"zip": zip}
    return environment
