"""From what a person asks for to the files that are written, and the text that a person reads of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from include.adopt.dbt_files import PROJECT_FILE, SOURCES_FILE, DbtFiles, read_dbt_files
from include.adopt.event_features import LOOKBACKS
from include.adopt.model_files import (
    list_data_tests,
    render_model_file,
    render_project,
    render_staging,
    render_table,
    render_vars,
)
from include.adopt.model_plan import ModelPlan, plan_model
from include.adopt.model_request import ModelRequest
from include.adopt.new_files import NewFile, check_free
from include.adopt.reach import Reach, choose_reach, list_reaches, load_training
from include.adopt.written_model import (
    NewModel,
    change_file,
    check_model_file_text,
    check_model_name,
    list_usual_questions,
)
from include.commands.console import list_some
from include.settings.section import Environment, load_section
from include.settings.source_kinds import FileSource
from include.settings.sources import SourceSettings, sources_root
from include.settings.training import TrainingSettings
from include.sources.file_deliveries import FileDeliveries


def propose_model(request: ModelRequest, config: Path, folder: Path, environment: Environment) -> NewModel:
    """Decide everything and check it; nothing is written.

    Args:
        config: the folder of settings.
        folder: the dbt project.

    Raises:
        SettingsError: says what cannot be used or is in the way, and what to do.
        SourceError: there is no such source.
    """
    check_model_name(request.name, config)
    sources = load_section(config / "sources.yml", SourceSettings, environment)
    dbt = read_dbt_files(folder)
    plan = plan_model(request, sources)
    training = load_training(config, plan.sentence, environment)
    reach = _choose_reach(plan, sources, dbt, training)
    plan = plan_model(request, sources, lookback_days=reach.lookback_days)
    own = _render_own_staging(plan, sources)
    # A staging model of ours is written anew after an interruption; one of somebody else decides what there is.
    foreign = [
        source for source, files in own.items()
        if (found := dbt.find_model(f"stg_{source}")) and not _is_own(found, files, folder)
    ]  # fmt: skip
    if foreign:
        staged = {source: dbt.list_columns(f"stg_{source}") for source in foreign}
        plan = plan_model(request, sources, staged, reach.lookback_days)
        own = {source: files for source, files in _render_own_staging(plan, sources).items() if source not in foreign}
    staging = {path: text for files in own.values() for path, text in files.items()}
    files = _list_files(plan, sources, dbt, staging)
    own_spacing = reach.spacing_days if reach.spacing_days != training.training_cutoff_spacing_days else None
    text = render_model_file(plan, own_spacing)
    model = NewFile(config / "models" / f"{request.name}.yml", text, config)
    check_model_file_text(model)
    check_free([*files, model], _list_conflicts(plan, dbt, staging))
    return NewModel(plan.group, (*files, model), tuple(_list_questions(plan)))


def _choose_reach(plan: ModelPlan, sources: SourceSettings, dbt: DbtFiles, training: TrainingSettings) -> Reach:
    """What the history of the source allows, where its files are here; a group that is there keeps its windows."""
    known, horizon = dbt.read_vars().get(plan.vars["history"]), plan.sentence.days
    lookbacks = (known,) if known in LOOKBACKS else LOOKBACKS
    best, source = next(list_reaches(horizon, training, lookbacks)), sources.find_source(plan.source)
    if not isinstance(source, FileSource):
        return best
    days = FileDeliveries(plan.source, source, sources_root(sources)).find_days(date.min, date.max)
    return choose_reach(days, horizon, training, lookbacks) or best


def _render_own_staging(plan: ModelPlan, sources: SourceSettings) -> dict[str, dict[str, str]]:
    """The files of the staging model of each source, as they would be written."""
    return {part.source: render_staging(part, sources.sources[part.source]) for part in plan.parts}


def _list_questions(plan: ModelPlan) -> list[str]:
    longest = plan.sentence.lookback_days
    short = [] if longest == LOOKBACKS[0] else [
        f"features look back at {longest} days at most, as the history is short, or the group there looks back no "
        f"further; with {LOOKBACKS[0]} days more of it, a new group (GROUP) can look back at {LOOKBACKS[0]}."
    ]  # fmt: skip
    return [
        *list_usual_questions(plan.request),
        *short,
        f"rows are each {plan.entity.words} with {plan.events} in the last {plan.sentence.active_days} days "
        f"(var {plan.main.vars['active']}).",
        *(f"{part.source}: {question}" for part in plan.parts for question in part.questions),
        *([_name_others(plan)] if plan.others else []),
    ]


def _name_others(plan: ModelPlan) -> str:
    return (
        f"no feature is made of {list_some(plan.others)}: what holds {', '.join(plan.entity.names)} can be named in "
        "ALSO, and the rest be joined in dbt."
    )


def _is_own(found: Path, own: dict[str, str], folder: Path) -> bool:
    """Whether a staging model is as it would be written, its yml included if that is there."""
    paths = {folder / path: text for path, text in own.items()}
    return found in paths and all(
        path.read_text(encoding="utf-8") == text for path, text in paths.items() if path.exists()
    )


def _list_files(plan: ModelPlan, sources: SourceSettings, dbt: DbtFiles, staging: dict[str, str]) -> list[NewFile]:
    files = []
    absent = [part for part in plan.parts if not dbt.has_table(part.source)]
    if absent:
        lines = [line for part in absent for line in render_table(part, sources.sources[part.source])]
        files.append(change_file(dbt, SOURCES_FILE, dbt.add_table(lines)))
    missing = [name for name in plan.var_values if name not in dbt.read_vars()]
    if missing:
        files.append(change_file(dbt, PROJECT_FILE, dbt.add_vars(render_vars(plan, missing))))
    rendered = {**staging, **render_project(plan)}
    return files + [NewFile(dbt.folder / path, text, dbt.folder) for path, text in rendered.items()]


def _list_conflicts(plan: ModelPlan, dbt: DbtFiles, own: dict[str, str]) -> list[str]:
    """What is in the way besides files of the same paths."""
    ours = {Path(path).name: path for path in {**own, **render_project(plan)}}
    problems = []
    for name in plan.all_models:
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
