"""Entry point of ``python -m include.local``."""

from __future__ import annotations

import sys

from include.commands.console import run_command


def main() -> int:
    """Run the command line; the exit code."""
    from include.local.cli import main as run_cli

    return run_cli()


if __name__ == "__main__":
    sys.exit(run_command(main))
