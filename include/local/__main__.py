"""Entry point of ``python -m include.local``."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line; Ctrl-C ends it quietly, even while it is still being imported."""
    try:
        from include.local.cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
