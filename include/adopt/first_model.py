"""Plans and writes the first model of an adopted checkout."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from include.adopt.dialogue import Wishes, list_wishes
from include.adopt.fitting_sources import find_fitting
from include.adopt.new_model import make_request, parse_options, propose
from include.errors import SettingsError
from include.features.manifest import DBT_DIR
from include.settings.section import Environment, load_section
from include.settings.sources import SourceSettings


def check_model(wishes: Wishes, config: Path, dbt: Path, environment: Environment, file: Path | None) -> None:
    """Plan the model, unless it is declared already; nothing is written.

    Args:
        config: the folder of settings, in which the source is declared.
        dbt: the dbt project.
        file: with the rows of the source.

    Raises:
        SettingsError: the model cannot be made of the source, a file is in the way, or it is declared already and
            predicts something else.
        SourceError: there is no such source.
    """
    if is_declared(wishes, config):
        _check_same(wishes, dbt)
    else:
        options = parse_options(_list_options(wishes, config, environment))
        propose(make_request(options), config, dbt, environment, file)


def write_model(
    wishes: Wishes, config: Path, environment: Environment, say: Callable[[str], None], dbt: Path = DBT_DIR
) -> None:
    """Write the dbt models and the model's file; one that is declared already stays.

    Raises:
        SettingsError: as :func:`check_model`.
    """
    if is_declared(wishes, config):
        say(f"✔ the model {wishes.name} is declared already")
    else:
        options = parse_options(_list_options(wishes, config, environment))
        new = propose(make_request(options), config, dbt, environment)
        say(new.describe())
        new.write()
        say(f"✔ {wishes.name} is declared")


def is_declared(wishes: Wishes, config: Path) -> bool:
    """Whether the model has its file."""
    return (config / "models" / f"{wishes.name}.yml").exists()


def _check_same(wishes: Wishes, dbt: Path) -> None:
    """Refuse another label for a model that is declared: nothing of it would be changed."""
    project = dbt / "dbt_project.yml"
    said = project.read_text(encoding="utf-8") if project.exists() else ""
    label = " ".join((wishes.label or "").split())
    found = re.search(rf"^ *# {re.escape(wishes.name or '')}: (.+)\.$", said, re.MULTILINE)
    if found and label and found[1] != label:
        raise SettingsError(
            f"The model {wishes.name} is declared already, and predicts {found[1]!r} (dbt/dbt_project.yml); LABEL says "
            f"{label!r}, and nothing of it would be changed. Give another NAME, or change the model by hand "
            "(docs/guides/analyst.md)."
        )


def _list_options(wishes: Wishes, config: Path, environment: Environment) -> list[str]:
    """As the command line of ``make new-model`` has them: the name first; without ALSO every source that fits."""
    options = list_wishes(wishes)[1:]
    if wishes.also is None:
        sources = load_section(config / "sources.yml", SourceSettings, environment)
        if also := find_fitting(make_request(parse_options(options)), sources):
            options += ["--also", ",".join(also)]
    return options
