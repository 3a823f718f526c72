"""Plans and writes the first model of an adopted checkout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from include.adopt.dbt_files import read_dbt_files
from include.adopt.dialogue import Wishes, list_wishes
from include.adopt.fitting_sources import find_fitting
from include.adopt.model_plan import ModelPlan
from include.adopt.model_request import ModelRequest
from include.adopt.new_model import make_request, parse_options, plan_request, propose
from include.errors import SettingsError
from include.features.manifest import DBT_DIR
from include.settings.section import Environment, load_section, read_yaml
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
        _check_same(_make_request(wishes, config, environment), config, dbt, environment, file)
    else:
        propose(_make_request(wishes, config, environment), config, dbt, environment, file)


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
        new = propose(_make_request(wishes, config, environment), config, dbt, environment)
        say(new.describe())
        new.write()
        say(f"✔ {wishes.name} is declared")


def is_declared(wishes: Wishes, config: Path) -> bool:
    """Whether the model has its file."""
    return (config / "models" / f"{wishes.name}.yml").exists()


def _check_same(request: ModelRequest, config: Path, dbt: Path, environment: Environment, file: Path | None) -> None:
    """Refuse another label or group for a model that is declared: nothing of it would be changed."""
    path = config / "models" / f"{request.name}.yml"
    content = read_yaml(path)
    plan = plan_request(request, load_section(config / "sources.yml", SourceSettings, environment), file)
    declared, asked = [str(content["label"])], [f"{plan.models['labels']}.{plan.label.column}"]
    if isinstance(plan, ModelPlan):
        known = read_dbt_files(dbt).read_vars()
        declared.append(f"{known.get(plan.vars['horizon'])} days ahead")
        asked.append(f"{plan.sentence.days} days ahead")
    groups = content["features"]["groups"]
    if plan.group not in groups:
        declared.append(f"of {', '.join(groups)}")
        asked.append(f"of {plan.group}")
    if asked != declared:
        raise SettingsError(
            f"The model {request.name} is declared already and predicts {', '.join(declared)} ({path}). What is asked "
            f"for, {request.label!r}, is {', '.join(asked)}, and nothing of it would be changed. Give another NAME, or "
            "change the model by hand (docs/guides/analyst.md)."
        )


def _make_request(wishes: Wishes, config: Path, environment: Environment) -> ModelRequest:
    """As ``make new-model`` would have it; without ALSO with every source that fits."""
    # The name comes first.
    options = list_wishes(wishes)[1:]
    request = make_request(parse_options(options))
    if wishes.also is None:
        sources = load_section(config / "sources.yml", SourceSettings, environment)
        return replace(request, also=tuple(find_fitting(request, sources)))
    return request
