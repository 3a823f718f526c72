"""Entry point of ``python -m include.local``."""

from __future__ import annotations

import sys

from include.local.cli import main

if __name__ == "__main__":
    sys.exit(main())
