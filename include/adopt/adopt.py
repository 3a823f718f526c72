"""``make adopt FROM=folder``: this checkout becomes one of your own data, with a first model.

It looks into the folder, takes the examples out, puts the files where the project looks for them, declares the sources,
and writes the dbt models and the file of a first model. At a terminal it asks for what was not said.

Everything is checked, and the files are put in their place, before the checkout is changed; what was interrupted is
finished by the same command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import yaml

from include.adopt.answers import AnswerCheck
from include.adopt.dialogue import Wishes, ask_for_wishes, choose_time, confirm
from include.adopt.examples import Removal, plan_removal, remove_examples
from include.adopt.first_label import check_first_label, find_first_files
from include.adopt.first_model import is_declared, write_model
from include.adopt.inbox import ChooseTime, InboxSource, look_into
from include.adopt.new_model import split_words
from include.adopt.placing import declare_placed, place_files
from include.adopt.readme import write_readme
from include.adopt.rehearsal import rehearse
from include.adopt.zone import check_zone, replace_zone
from include.commands.console import run_command, say
from include.errors import AdoptError, OrreryError
from include.settings import CONFIG_DIR, PROJECT_ROOT, resolve_environment
from include.settings.section import read_yaml

SOURCES: Final = "sources.yml"
SETTINGS_PATH: Final = Path("include") / "config" / SOURCES
MODELS_PATH: Final = Path("include") / "config" / "models"


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, ask, and write; the exit code.

    Raises:
        AdoptError: something is not known or would be lost; nothing was changed.
        SourceError: the files cannot be used as they are.
        SettingsError: the settings refuse a source or the model, or its label is the same for all.
    """
    options = build_parser().parse_args(arguments)
    if not options.start:
        raise AdoptError("No folder is named; give the one that holds your files: make adopt FROM=folder.")
    is_person_here = sys.stdin.isatty() and sys.stdout.isatty()
    folder, environment = Path(options.start).expanduser(), resolve_environment()
    removal = plan_removal(PROJECT_ROOT)
    time_zone = choose_zone(options.time_zone, removal)
    if SETTINGS_PATH in removal.texts:
        removal.texts[SETTINGS_PATH] = replace_zone(removal.texts[SETTINGS_PATH], time_zone)
    choose = choose_time if is_person_here else None
    sources = look_around(folder, time_zone, environment, read_times(options.time), choose, split_words(options.entity))
    declared = read_own_sources(removal)
    around: dict[str, Any] = {"root": find_root(), "time_zone": time_zone, "environment": environment, "tell": say}
    # Once: of a large file, it takes long.
    find_files = cache(partial(find_first_files, sources=sources, declared=declared, **around))
    check = AnswerCheck(sources, declared, find_files, time_zone, environment)
    wishes = ask_for_wishes(read_wishes(options), sources, is_person_here=is_person_here, check=check)
    rehearse(PROJECT_ROOT, removal, sources, time_zone, wishes, environment)
    if is_new(wishes, removal):
        for line in check_first_label(wishes, find_files(wishes.events or ""), CONFIG_DIR, environment, say):
            say(line)
    say(f"{removal.describe()}. Then {len(sources)} source(s) and the model {wishes.name}: {wishes.label}.")
    if is_person_here and not options.yes and not confirm("Go on?"):
        say("Nothing was changed.")
        return 1
    new = [find_root() / source.name for source in sources if not (find_root() / source.name).exists()]
    try:
        placed = place_files(sources, find_root(), declared, time_zone, say)
    except OrreryError:
        for place in new:
            shutil.rmtree(place, ignore_errors=True)  # or corrected files would meet these
        raise
    try:
        remove_examples(PROJECT_ROOT, removal)
        if removal.paths:
            say("✔ the examples are gone")
        declare_placed(placed, wishes.events, CONFIG_DIR / SOURCES, environment, say)
        write_model(wishes, CONFIG_DIR, environment, say)
        write_readme(PROJECT_ROOT / "README.md")
    except KeyboardInterrupt:
        say("\nThe checkout is half changed; the same command finishes it.")
        raise
    say(describe_next(wishes))
    return 0


def look_around(
    folder: Path,
    time_zone: str,
    environment: str,
    times: dict[str, str],
    choose: ChooseTime | None,
    entity: Collection[str],
) -> list[InboxSource]:
    """The sources of a folder, each described on the terminal.

    Raises:
        AdoptError: two sources would have one name, or it is not known which column says when a row happened.
        SourceError: the files cannot be used as they are.
    """
    say(f"Looking into {folder}")
    with tempfile.TemporaryDirectory() as place:
        draft = Path(place) / SOURCES
        draft.write_text(read_own_settings(time_zone), encoding="utf-8")
        sources = look_into(folder, draft, environment, times, choose, entity)
    for source in sources:
        say(source.describe() + "\n")
    return sources


def choose_zone(given: str | None, removal: Removal) -> str:
    """The time zone that is asked for; without one that of an adopted checkout, else UTC.

    Raises:
        AdoptError: the days of an adopted checkout's sources are those of another zone.
    """
    known = str(read_yaml(CONFIG_DIR / SOURCES).get("time_zone") or "UTC")
    if removal.paths:
        return given or "UTC"
    if given and given != known:
        raise AdoptError(
            f"The days of this checkout are those of {known} (time_zone in sources.yml), and TIME_ZONE says {given}. "
            "Leave it out; to change it, change the line, and load everything again."
        )
    return known


def is_new(wishes: Wishes, removal: Removal) -> bool:
    """Whether no model of the name stays; one of the examples goes."""
    return not is_declared(wishes, CONFIG_DIR) or MODELS_PATH / f"{wishes.name}.yml" in removal.paths


def find_root() -> Path:
    """The folder of the sources' files."""
    settings = read_yaml(CONFIG_DIR / SOURCES)
    return PROJECT_ROOT / (os.environ.get("ORRERY_SOURCES_DIR") or settings.get("root") or ".local/sources")


def read_own_sources(removal: Removal) -> dict[str, Any]:
    """The entries of the sources that are declared, without the examples'."""
    text = removal.texts.get(SETTINGS_PATH)
    content = read_yaml(CONFIG_DIR / SOURCES) if text is None else yaml.safe_load(text)
    return content.get("sources") or {}


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m include.adopt.adopt", description=__doc__)
    parser.add_argument("start", metavar="FROM", nargs="?", help="the folder that holds your files")
    parser.add_argument("--name", help="of the model")
    parser.add_argument("--entity", help="key columns of what is predicted for, with commas between them")
    parser.add_argument("--events", help="the source whose events decide what has a row, and what the label is")
    parser.add_argument("--also", help="further sources of features, or none (default: all that name the entity)")
    parser.add_argument("--label", help='"no EVENTS in 28 days", "EVENTS in 28 days", "sum of COLUMN in 28 days", ...')
    parser.add_argument("--group", help="the feature group (default: made of the entity)")
    parser.add_argument("--owner", help="of the model (default: analytics)")
    parser.add_argument("--trainer", help="who answers for trainings (default: scientist)")
    parser.add_argument("--time", action="append", default=[], metavar="SOURCE.COLUMN", help="says when a row happened")
    parser.add_argument("--time-zone", type=check_zone, help="whose days are meant (default: UTC)")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is changed")
    return parser


def read_wishes(options: argparse.Namespace) -> Wishes:
    """What the command line says of the model."""
    return Wishes(
        options.name,
        options.entity,
        options.events,
        options.label,
        options.owner,
        options.trainer,
        options.also,
        options.group,
    )


def read_times(words: Sequence[str]) -> dict[str, str]:
    """The column that says when a row happened, by source; of the only one where no source is named."""
    pairs = (word.rpartition(".") for word in words)
    return {source: column for source, _, column in pairs}


def read_own_settings(time_zone: str) -> str:
    """What sources.yml says besides its sources, with the time zone that it will have."""
    content = read_yaml(CONFIG_DIR / SOURCES)
    return yaml.safe_dump({**content, "time_zone": time_zone, "local_systems": None, "sources": None})


def describe_next(wishes: Wishes) -> str:
    """What to read first, and how to run it."""
    return "\n".join(
        (
            "",
            "Read first what was written: include/config/sources.yml, dbt/models, "
            f"include/config/models/{wishes.name}.yml. Then:",
            "  make check         # whether what is declared can work, in seconds",
            "  make lint test     # it is yours, and whole",
            "  make up            # starts the stack",
            "  make run           # loads the history and takes the model to production",
            "",
            "Commit it: git add -A && git commit -m 'Adopt our data'",
        )
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
