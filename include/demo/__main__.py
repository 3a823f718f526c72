"""Entry point of ``python -m include.demo``."""

from __future__ import annotations

import sys

from include.commands.console import run_command


def main() -> int:
    """Run the demo as the command line asks for it; the exit code."""
    from include.demo.run import run_from_command_line

    return run_from_command_line()


if __name__ == "__main__":
    sys.exit(run_command(main))
