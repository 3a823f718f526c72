"""``python -m include.adopt.new_source FROM``: how files that the project does not know are declared as sources.

It reads a sample of each source of a folder, or of the files that are named like one, prints the entries for
``include/config/sources.yml`` and what a person has to confirm, and with ``--write`` puts the entries there.

Environment: ``ORRERY_CONFIG_DIR`` is another folder of settings.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from include.adopt.file_sets import find_starts
from include.adopt.proposal import NewSource, check_doubled, propose_source
from include.commands.console import run_command, say
from include.errors import SourceError
from include.settings import CONFIG_DIR, resolve_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, and write if asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.adopt.new_source", description=__doc__)
    parser.add_argument("start", metavar="FROM", nargs="?", help="a folder of files, or a file of one source")
    parser.add_argument("--name", help="of the only source; made of the files' names when left out")
    parser.add_argument("--write", action="store_true", help="add the entries to sources.yml")
    options = parser.parse_args(arguments)
    if not options.start:
        raise SourceError("No files are named; give a folder or a file: make new-source FROM=folder_or_file.")
    config = Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR)) / "sources.yml"
    environment = resolve_environment()
    found = propose_sources(Path(options.start).expanduser(), options.name, config, environment)
    for new in found:
        say(new.describe() + "\n")
    if not options.write:
        say(f'Nothing is written; ARGS="--write" adds this to {config}.')
        return 0
    for new in found:
        new.check_names()
    for new in found:
        new.write(config, environment)
        say(f"✔ {new.name} is declared in {config}.")
    return 0


def propose_sources(start: Path, name: str | None, config: Path, environment: str) -> list[NewSource]:
    """Every source of a folder, or the one that a file is of; nothing is written.

    Raises:
        SourceError: names what is wrong with the files, and what to do; or two sources would have one name.
        SettingsError: the settings refuse the name or an entry.
    """
    starts = find_starts(start) if start.is_dir() and not name else [start]
    found = [propose_source(one, name, config, environment) for one in starts]
    check_doubled([new.name for new in found], start)
    return found


if __name__ == "__main__":
    sys.exit(run_command(main))
