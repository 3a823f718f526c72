"""From a flat table with its label to the files of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from include.adopt.dbt_files import SOURCES_FILE, DbtFiles, read_dbt_files
from include.adopt.flat_plan import FlatPlan, plan_flat
from include.adopt.label_values import LabelValues
from include.adopt.model_files import render_table, render_template
from include.adopt.model_request import ModelRequest
from include.adopt.new_files import NewFile, check_free
from include.adopt.written_model import (
    NewModel,
    change_file,
    check_model_file_text,
    check_model_name,
    list_usual_questions,
)
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings

_MODELS = {
    "group": ("models/marts", "flat_group"), "labels": ("models/marts", "flat_labels"),
    "latest": ("models/marts/online", "latest"),
}  # fmt: skip


def propose_flat(
    request: ModelRequest, sources: SourceSettings, config: Path, folder: Path, read: Callable[[str], LabelValues]
) -> NewModel:
    """Decide everything and check it; nothing is written.

    Args:
        config: the folder of settings.
        folder: the dbt project.
        read: the values of a column of the source, by its name as delivered.

    Raises:
        SettingsError: says what cannot be used or is in the way, and what to do.
        SourceError: there is no such source, or it cannot be read.
    """
    check_model_name(request.name, config)
    source, dbt = sources.find_source(request.events), read_dbt_files(folder)
    plan = plan_flat(request, source, read)
    files = _list_files(plan, source, dbt)
    model = NewFile(config / "models" / f"{request.name}.yml", render_template(plan, "flat_model.yml"), config)
    check_model_file_text(model)
    check_free([*files, model], _list_conflicts(plan, dbt, files))
    questions = (*list_usual_questions(request), *plan.questions)
    return NewModel(plan.group, (*files, model), questions)


def _list_files(plan: FlatPlan, source: SourceBase, dbt: DbtFiles) -> list[NewFile]:
    text = source.description or f"Rows of {plan.source}."
    rendered = {
        f"models/staging/stg_{plan.source}.{kind}": render_template(plan, f"flat_staging.{kind}", source_text=text)
        for kind in ("sql", "yml")
    }
    for part, (place, template) in _MODELS.items():
        rendered[f"{place}/{plan.models[part]}.sql"] = render_template(plan, f"{template}.sql")
        if part != "latest":
            rendered[f"{place}/{plan.models[part]}.yml"] = render_template(plan, f"{template}.yml")
    test = f"data-tests/assert_{plan.group}_online_equals_offline.sql"
    rendered[test] = render_template(plan, "assert_features_online_equals_offline.sql")
    files = [NewFile(dbt.folder / path, text, dbt.folder) for path, text in rendered.items()]
    if not dbt.has_table(plan.source):
        files.insert(0, change_file(dbt, SOURCES_FILE, dbt.add_table(render_table(plan, source))))
    return files


def _list_conflicts(plan: FlatPlan, dbt: DbtFiles, files: list[NewFile]) -> list[str]:
    ours = {file.path for file in files}
    found = [dbt.find_model(name) for name in (f"stg_{plan.source}", *plan.models.values())]
    return [f"{path} is a dbt model of the name {path.stem!r} already." for path in found if path and path not in ours]
