"""Settings: every shared file and every model's file, in every environment; all mistakes, not the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

from include.check.finding import Finding, Reporter, suggest
from include.check.places import find_key
from include.commands.console import list_some
from include.errors import SettingsError
from include.settings import load_features, load_house_section
from include.settings.governance import LineageSettings
from include.settings.models import (
    HOUSE_KEYS,
    SECTIONS,
    ModelSettings,
    SharedFile,
    TaskName,
    build_model,
    check_model_file,
    find_model_files,
    read_shared,
)
from include.settings.rollout import ServerSettings
from include.settings.section import Environment, Section, check_section, merge_mappings, read_overrides, read_yaml
from include.settings.sources import SourceSettings

_REPORT: Final = Reporter("settings")
_ENVIRONMENTS: Final[tuple[Environment, ...]] = get_args(Environment)
_FILES: Final = frozenset({"sources.yml", "features.yml", *(f"{name}.yml" for name in SECTIONS)})
_HOUSE_TYPES: Final[Mapping[str, type[Section]]] = {"server": ServerSettings, "lineage": LineageSettings}


@dataclass
class Declared:
    """What could be read of the settings, for the other parts.

    Attributes:
        sources: None where ``sources.yml`` is wrong.
        models: those whose files are right.
    """

    sources: SourceSettings | None = None
    models: dict[str, ModelSettings] = field(default_factory=dict)


@dataclass(frozen=True)
class _Problem:
    """One mistake of a file, in words, and the section or top-level key that it is below."""

    text: str
    section: str = ""

    @property
    def key(self) -> str:
        """The dotted key, as far as it is named."""
        named = re.search(r"key '([^']*)'", self.text)
        return ".".join(part for part in (self.section, named[1] if named else "") if part)


def check_settings(folder: Path, environment: Environment, model: str | None, declared: Declared) -> Iterator[Finding]:
    """Look at every file of the folder, and fill ``declared``.

    Args:
        model: of the models, this one alone.
    """
    shared: dict[str, SharedFile] = {}
    yield from _REPORT.guard("sources.yml", partial(_check_sources, folder / "sources.yml", environment, declared))
    for name in SECTIONS:
        yield from _REPORT.guard(f"{name}.yml", partial(_check_shared, folder / f"{name}.yml", name, shared))
    yield from _REPORT.guard("features.yml", partial(_check_features, folder / "features.yml"))
    yield from _REPORT.guard(str(folder), partial(_find_unread, folder))
    paths = find_model_files(folder / "models")
    yield from _check_declared(folder / "models", [path.stem for path in paths], model)
    for path in paths:
        if model in (None, path.stem):
            check = partial(_check_model, path, paths, environment, shared, declared)
            yield from _REPORT.guard(path.stem, check)


def _check_sources(path: Path, environment: Environment, declared: Declared) -> Iterator[Finding]:
    def read(name: Environment) -> SourceSettings:
        return check_section(_read_merged(path, name), SourceSettings, name, str(path))

    problems = _collect({name: partial(read, name) for name in _ENVIRONMENTS})
    yield from _explain(path.name, path, problems, len(_ENVIRONMENTS))
    if not problems:
        declared.sources = read(environment)
        yield _REPORT.fine(path.name, f"declares {len(declared.sources.sources)} source(s)")


def _check_shared(path: Path, name: str, shared: dict[str, SharedFile]) -> Iterator[Finding]:
    house = HOUSE_KEYS.get(name, frozenset())
    cases: dict[str, Callable[[], object]] = {}
    problems = _collect({"": partial(read_shared, path, house)})
    if not problems:
        file = read_shared(path, house)
        for environment in _ENVIRONMENTS:
            for task in get_args(TaskName):
                values = file.find_values(task, environment)
                cases[f"{task}, {environment}"] = partial(check_section, values, SECTIONS[name], environment, str(path))
        problems = _collect(cases)
        for key in house:
            problems |= _collect({"": partial(load_house_section, path, key, _HOUSE_TYPES[key], "development")})
    yield from _explain(path.name, path, problems, len(cases))
    if not problems:
        shared[name] = file
        yield _REPORT.fine(path.name, "fits every task and environment")


def _check_features(path: Path) -> Iterator[Finding]:
    problems = _collect({name: partial(load_features, path, name) for name in _ENVIRONMENTS})
    yield from _explain(path.name, path, problems, len(_ENVIRONMENTS))
    if not problems:
        yield _REPORT.fine(path.name, "fits every environment" if path.exists() else "is absent: the defaults hold")


def _find_unread(folder: Path) -> Iterator[Finding]:
    """Files that look like settings and that nobody reads."""
    for path in find_model_files(folder):
        if path.name not in _FILES:
            remedy = f"{suggest(path.name, _FILES)} Rename or remove it"
            yield _REPORT.note(path.name, f"no settings are read from {path}", remedy)
    for path in sorted((folder / "models").glob("*/*.yml")):
        remedy = f"Move it to {folder / 'models'}, or remove it"
        yield _REPORT.note(path.name, f"no model is read from {path}, a folder further down", remedy)


def _check_declared(folder: Path, names: Sequence[str], only: str | None) -> Iterator[Finding]:
    if only and only not in names:
        yield _REPORT.fault(only, f"no file of {folder} declares a model {only!r}", suggest(only, names))
    elif not names:
        remedy = "Add NAME.yml there; docs/guides/scientist.md says what it holds"
        yield _REPORT.note("models", f"no model is declared in {folder}", remedy)


def _check_model(
    path: Path, paths: Sequence[Path], environment: Environment, shared: Mapping[str, SharedFile], declared: Declared
) -> Iterator[Finding]:
    def read(name: Environment) -> ModelSettings:
        return build_model(path, _read_merged(path, name), shared, name)

    problems = _collect({"": partial(check_model_file, path, paths)})
    wrong = [f"{name}.yml" for name in SECTIONS if name not in shared]
    if not wrong:
        problems |= _collect({name: partial(read, name) for name in _ENVIRONMENTS})
    yield from _explain(path.stem, path, problems, len(_ENVIRONMENTS))
    if wrong:
        yield _REPORT.note(path.stem, f"not looked at while {list_some(wrong)} is wrong", f"Correct {wrong[0]} first")
    elif not problems:
        declared.models[path.stem] = read(environment)
        yield _REPORT.fine(path.stem, "its file fits every environment")


def _read_merged(path: Path, environment: Environment) -> dict[str, Any]:
    """A file's values in one environment."""
    content = read_yaml(path)
    overrides = read_overrides(content, str(path))
    base = {key: value for key, value in content.items() if key != "environments"}
    return merge_mappings(base, overrides.get(environment, {}))


def _collect(cases: Mapping[str, Callable[[], object]]) -> dict[_Problem, list[str]]:
    """The problems of the cases that fail, each with the cases that have it."""
    problems: dict[_Problem, list[str]] = {}
    for case, run in cases.items():
        try:
            run()
        except SettingsError as error:
            for problem in _split(str(error)):
                problems.setdefault(problem, []).append(case)
    return problems


def _split(message: str) -> list[_Problem]:
    """The single problems of a message."""
    section = re.search(r"(?:section|key) '(\w+)'(?: \(over [\w.]+\))? \(environment", message)
    problems = re.findall(r"^  - (.+)$", message, re.MULTILINE)
    return [_Problem(text, section[1] if section else "") for text in problems] or [_Problem(message)]


def _explain(subject: str, path: Path, problems: Mapping[_Problem, list[str]], case_count: int) -> Iterator[Finding]:
    """A finding for each problem, with the cases that have it unless it is all of them."""
    for problem, cases in problems.items():
        named = [case for case in cases if case and len(cases) < case_count]
        parts = {part for case in named for part in case.split(", ")}
        under = [f"{kind}.{part}" for kind in ("environments", "tasks") for part in sorted(parts)]
        place = find_key(path, problem.key, under=under)
        where = f" (for {'; '.join(named)})" if named else ""
        yield _REPORT.fault(subject, problem.text.replace(str(path), path.name) + where, "Correct it there", place)
