"""``python -m include.adopt.new_source FROM``: how files that the project does not know are declared as a source.

It reads a sample of a folder, or of the files that are named like one, prints the entry for
``include/config/sources.yml`` and what a person has to confirm, and with ``--write`` puts the entry there.

Environment: ``ORRERY_CONFIG_DIR`` is another folder of settings.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from include.adopt.proposal import propose_source
from include.commands.console import run_command, say
from include.errors import SourceError
from include.settings import CONFIG_DIR, resolve_environment


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print, and write if asked; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.adopt.new_source", description=__doc__)
    parser.add_argument("start", metavar="FROM", nargs="?", help="a folder of the source's files, or one of them")
    parser.add_argument("--name", help="of the source; made of the files' names when left out")
    parser.add_argument("--write", action="store_true", help="add the entry to sources.yml")
    options = parser.parse_args(arguments)
    if not options.start:
        raise SourceError("No files are named; give a folder or a file: make new-source FROM=folder_or_file.")
    config = Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR)) / "sources.yml"
    environment = resolve_environment()
    new = propose_source(Path(options.start).expanduser(), options.name, config, environment)
    say(new.describe())
    if options.write:
        new.write(config, environment)
        say(f"✔ {new.name} is declared in {config}.")
    else:
        say(f'Nothing is written; ARGS="--write" adds this to {config}.')
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
