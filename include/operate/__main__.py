"""Entry point of ``python -m include.operate``."""

from __future__ import annotations

import sys

from include.commands.console import run_command


def main() -> int:
    """Run one command as the command line asks for it; the exit code."""
    from include.operate.cli import main as run_cli

    return run_cli()


if __name__ == "__main__":
    sys.exit(run_command(main))
