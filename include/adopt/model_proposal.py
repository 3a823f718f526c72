"""From what a person asks for to the files that are written, and the text that a person reads of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from include.adopt.dbt_files import PROJECT_FILE, SOURCES_FILE, DbtFiles, read_dbt_files
from include.adopt.model_files import (
    list_data_tests,
    render_model_file,
    render_project,
    render_staging,
    render_table,
    render_vars,
)
from include.adopt.model_plan import ModelPlan, ModelRequest, plan_model
from include.adopt.new_files import NewFile, check_free, write_files
from include.errors import SettingsError
from include.settings.models import build_model, check_model_file, find_model_files, load_shared
from include.settings.section import Environment, load_section
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings


@dataclass(frozen=True)
class NewModel:
    """What is decided of a new model, and the files that say so, in the order in which they are written."""

    plan: ModelPlan
    files: tuple[NewFile, ...]

    def describe(self) -> str:
        """The files, the model's own one, and what is open, as text."""
        listed = [f"  {'adds to' if file.is_change else 'new'} {file.path}" for file in self.files if not file.is_there]
        questions = [f"please confirm: {question}" for question in self._list_questions()]
        return "\n".join((f"{len(listed)} file(s):", *listed, "", self.files[-1].text, *questions))

    def write(self) -> None:
        """Write them all.

        Raises:
            SettingsError: see :func:`include.adopt.new_files.write_files`.
        """
        write_files(self.files)

    def _list_questions(self) -> list[str]:
        plan, request = self.plan, self.plan.request
        return [
            f"{request.owner} owns model, features and labels (OWNER), and {request.trainer} trains (TRAINER).",
            f"rows are each {plan.entity_words} with {plan.events} in the last {plan.sentence.active_days} days "
            f"(var {plan.vars['active']}).",
            "gates are those of gates.yml; train once, and set limits from what is measured.",
            *plan.columns.questions,
        ]


def propose_model(request: ModelRequest, config: Path, folder: Path, environment: Environment) -> NewModel:
    """Decide everything and check it; nothing is written.

    Args:
        config: the folder of settings.
        folder: the dbt project.

    Raises:
        SettingsError: says what cannot be used or is in the way, and what to do.
        SourceError: there is no such source.
    """
    _check_name(request.name, config)
    sources = load_section(config / "sources.yml", SourceSettings, environment)
    dbt, staging = read_dbt_files(folder), f"stg_{request.events}"
    # A staging model of ours is written anew after an interruption; one of somebody else decides what there is.
    found = dbt.find_model(staging)
    plan = plan_model(request, sources)
    source = sources.sources[request.events]
    own = render_staging(plan, source)
    if found and not _is_own(found, own, folder):
        plan, own = plan_model(request, sources, dbt.list_columns(staging)), {}
    files = _list_files(plan, source, dbt, own)
    model = NewFile(config / "models" / f"{request.name}.yml", render_model_file(plan), config)
    _check_model(model)
    check_free([*files, model], _list_conflicts(plan, dbt, own))
    return NewModel(plan, (*files, model))


def _check_name(name: str, config: Path) -> None:
    path = config / "models" / f"{name}.yml"
    there = [one for one in find_model_files(config / "models") if one.stem.casefold() == name.casefold()]
    if there:
        raise SettingsError(f"A model {name!r} is declared already, in {there[0]}; give another NAME.")
    check_model_file(path, [path])


def _is_own(found: Path, own: dict[str, str], folder: Path) -> bool:
    """Whether a staging model is as it would be written, its yml included if that is there."""
    paths = {folder / path: text for path, text in own.items()}
    return found in paths and all(
        path.read_text(encoding="utf-8") == text for path, text in paths.items() if path.exists()
    )


def _list_files(plan: ModelPlan, source: SourceBase, dbt: DbtFiles, own: dict[str, str]) -> list[NewFile]:
    files = []
    if not dbt.has_table(plan.source):
        files.append(_change(dbt, SOURCES_FILE, dbt.add_table(render_table(plan, source))))
    missing = [name for name in plan.var_values if name not in dbt.read_vars()]
    if missing:
        files.append(_change(dbt, PROJECT_FILE, dbt.add_vars(render_vars(plan, missing))))
    rendered = {**own, **render_project(plan)}
    return files + [NewFile(dbt.folder / path, text, dbt.folder) for path, text in rendered.items()]


def _change(dbt: DbtFiles, name: str, text: str) -> NewFile:
    path = dbt.folder / name
    return NewFile(path, text, dbt.folder, is_change=path.exists())


def _list_conflicts(plan: ModelPlan, dbt: DbtFiles, own: dict[str, str]) -> list[str]:
    """What is in the way besides files of the same paths."""
    ours = {Path(path).name: path for path in {**own, **render_project(plan)}}
    problems = []
    for name in plan.models.values():
        found = dbt.find_model(name)
        if found and str(found.relative_to(dbt.folder)) != ours[f"{name}.sql"]:
            problems.append(f"{found} is a dbt model of the name {name!r} already.")
    for test in list_data_tests(plan):
        elsewhere = [one for one in (dbt.folder / "data-tests").rglob(f"{test}.sql") if one.parent.name != "data-tests"]
        problems += [f"{one} is a test of the name {test!r} already." for one in elsewhere]
    known = dbt.read_vars()
    problems += [
        f"The var {name!r} is {known[name]!r} in {dbt.folder / PROJECT_FILE} already, and would be {value}."
        for name, value in plan.var_values.items()
        if name in known and known[name] != value
    ]
    return problems


def _check_model(file: NewFile) -> None:
    """Have the settings read the model's file, in each environment."""
    content: dict[str, Any] = yaml.safe_load(file.text)
    shared = load_shared(file.folder)
    for environment in get_args(Environment):
        build_model(file.path, content, shared, environment)
