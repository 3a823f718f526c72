"""Entry point of ``python -m include.local``."""

from __future__ import annotations

import os
import sys


def run() -> int:
    """Run the command line; Ctrl-C and a reader that goes away (``| head``) end it quietly."""
    try:
        from include.local.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(run())
