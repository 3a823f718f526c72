"""The status of one deploy, told by its whole description, in what `astro api cloud … --slurp` prints."""

from __future__ import annotations

import json
import sys


def find_status(printed: str, description: str) -> str:
    """DEPLOYED, INITIALIZED, FAILED, or ABSENT where no deploy has exactly this description.

    Lines of the CLI itself stand before the JSON. Of several deploys with the description, the newest counts.
    """
    deploys = json.loads(printed[printed.index("{") :])["deploys"] or []
    matching = [deploy for deploy in deploys if deploy.get("description") == description]
    newest = max(matching, key=lambda deploy: str(deploy.get("createdAt", "")), default={"status": "ABSENT"})
    return str(newest["status"])


if __name__ == "__main__":
    sys.stdout.write(find_status(sys.stdin.read(), sys.argv[1]) + "\n")
