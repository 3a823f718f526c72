"""``python -m include.check``: whether what is declared can work, in seconds and without the stack.

It looks at the settings, the files of sources, the dbt project, the contracts of features and labels, and at the
warehouse if one is reachable; it changes nothing but dbt's manifest. It ends with 1 if anything cannot work.

Environment: ``ORRERY_CONFIG_DIR`` is another folder of settings, ``ORRERY_ENVIRONMENT`` the environment,
``ORRERY_WAREHOUSE_URI`` a warehouse other than that of ``make up``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from include.check.finding import SIGNS, Finding
from include.check.run import run_checks
from include.commands.console import run_command, say
from include.settings import CONFIG_DIR


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and say what was found; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.check", description=__doc__)
    parser.add_argument("--model", help="of the models, this one alone")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(arguments)
    folder = Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR))
    findings = list(run_checks(folder, options.model, os.environ))
    if options.json:
        say(json.dumps(describe_all(findings), indent=2, ensure_ascii=False))
    else:
        print_all(findings)
    return 1 if any(one.mark == "fault" for one in findings) else 0


def describe_all(findings: Sequence[Finding]) -> dict[str, object]:
    """All findings in JSON types, with their counts."""
    counts = Counter(one.mark for one in findings)
    return {
        "can_work": not counts["fault"],
        "counts": {mark: counts[mark] for mark in SIGNS},
        "findings": [one.to_json() for one in findings],
    }


def print_all(findings: Sequence[Finding]) -> None:
    """Write the findings part by part, and a sentence with the counts."""
    for part in dict.fromkeys(one.part for one in findings):
        say(f"\n{part}")
        for one in findings:
            if one.part == part:
                say(f"  {one.describe()}")
    counts = Counter(one.mark for one in findings)
    told = f"{counts['fine']} fine, {counts['note']} worth knowing, {counts['fault']} that cannot work"
    say(f"\n{SIGNS['fault' if counts['fault'] else 'fine']} {len(findings)} findings: {told}.")


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # what a finding says once, a warning need not say too
    sys.exit(run_command(main))
