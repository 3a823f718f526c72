"""``python -m include.adopt.new_model NAME``: the dbt models and the file of a first model on a declared source.

It reads ``include/config/sources.yml`` and the dbt project, prints what it would write and what a person has to
confirm, and with ``--write`` writes the files. It changes no file that is there, but for the vars of the dbt project
and the tables of its source ``raw``, to which it adds.

Environment: ``ORRERY_CONFIG_DIR`` is another folder of settings.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from include.adopt.flat_plan import FlatPlan, plan_flat
from include.adopt.flat_proposal import propose_flat
from include.adopt.label_check import check_declared_label
from include.adopt.label_values import LabelValues, find_newest_file, read_label_values
from include.adopt.model_plan import ModelPlan, plan_model
from include.adopt.model_proposal import propose_model
from include.adopt.model_request import ModelRequest
from include.adopt.written_model import NewModel
from include.commands.console import run_command, say
from include.errors import SettingsError
from include.features.manifest import DBT_DIR
from include.settings import CONFIG_DIR, resolve_environment
from include.settings.section import Environment, load_section
from include.settings.sources import SourceSettings

NO_OTHER: Final = "none"


def main(arguments: Sequence[str] | None = None, dbt: Path = DBT_DIR) -> int:
    """Look, print, and write if asked; the exit code."""
    options = parse_options(arguments)
    for option, given in (("ENTITY", options.entity), ("EVENTS", options.events), ("LABEL", options.label)):
        if not options.name or not given:
            raise SettingsError(
                f"{option if options.name else 'NAME'} is missing; for example: make new-model NAME=lapse "
                'ENTITY=machine_id EVENTS=readings LABEL="no readings in 28 days".'
            )
    config = Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR))
    request, environment = make_request(options), resolve_environment()
    new = propose(request, config, dbt, environment)
    for line in check_declared_label(request, config, environment, say):
        say(line)
    say(new.describe())
    if options.write:
        new.write()
        say(f'✔ {options.name} is declared. Next: make lint, then make dbt ARGS="build --select {new.group}+".')
    else:
        say('Nothing is written; ARGS="--write" writes these files.')
    return 0


def propose(
    request: ModelRequest, config: Path, dbt: Path, environment: Environment, file: Path | None = None
) -> NewModel:
    """Plan a model of events, or of a flat table where the source is a snapshot; nothing is written.

    Args:
        config: the folder of settings.
        dbt: the dbt project.
        file: with the rows of a snapshot, where they are not in the sources' folder yet.

    Raises:
        SettingsError: the model cannot be made of the source, or a file is in the way.
        SourceError: there is no such source, or its file cannot be read.
    """
    sources = load_section(config / "sources.yml", SourceSettings, environment)
    if sources.find_source(request.events).grain == "daily":
        return propose_model(request, config, dbt, environment)
    return propose_flat(request, sources, config, dbt, _open_table(request, sources, file))


def plan_request(request: ModelRequest, sources: SourceSettings, file: Path | None = None) -> ModelPlan | FlatPlan:
    """Decide what a model of events, or of a flat table, is made of, whatever is there already.

    Raises:
        SettingsError: the model cannot be made of the source.
        SourceError: there is no such source, or its file cannot be read.
    """
    source = sources.find_source(request.events)
    if source.grain == "daily":
        return plan_model(request, sources)
    return plan_flat(request, source, _open_table(request, sources, file))


def _open_table(request: ModelRequest, sources: SourceSettings, file: Path | None) -> Callable[[str], LabelValues]:
    """What reads a column of a flat table, which has no sources beside it."""
    if request.also:
        raise SettingsError(
            f"ALSO names {', '.join(request.also)}, and {request.events!r} is a whole copy: features beside its own "
            "columns are joined in dbt. Leave ALSO out."
        )

    def read(column: str) -> LabelValues:
        return read_label_values(request.events, column, sources, file or find_newest_file(request.events, sources))

    return read


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m include.adopt.new_model", description=__doc__)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the model")
    parser.add_argument("--entity", help="its key columns in the source, with commas between them")
    parser.add_argument("--events", help="the source, as sources.yml names it")
    parser.add_argument("--label", help='what to predict: "no orders in 28 days", "sum of amount in 7 days", a column')
    parser.add_argument("--also", help="further sources of features, with commas between them; none when left out")
    parser.add_argument("--group", help="the feature group; made of the entity when left out")
    parser.add_argument("--owner", help="who answers for the model and its features")
    parser.add_argument("--trainer", help="the accountable person, who may not approve it")
    parser.add_argument("--approvers", help="with commas between them; those of governance.yml when left out")
    parser.add_argument("--write", action="store_true", help="write the files")
    return parser.parse_args(arguments)


def make_request(options: argparse.Namespace) -> ModelRequest:
    """What is asked for; what is not said has its default."""
    people = {one: getattr(options, one) for one in ("owner", "trainer", "group") if getattr(options, one)}
    return ModelRequest(
        options.name,
        split_words(options.entity),
        options.events,
        options.label,
        () if options.also == NO_OTHER else split_words(options.also),
        approvers=split_words(options.approvers),
        **people,
    )


def split_words(text: str | None) -> tuple[str, ...]:
    """Words with commas between them."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


if __name__ == "__main__":
    sys.exit(run_command(main))
