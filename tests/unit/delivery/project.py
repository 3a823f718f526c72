"""The files that the Astro CLI reads, read."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW_SERVICES = {"scheduler", "dag-processor", "api-server", "triggerer"}
TAKEN_PORTS = {"5432", "8080", "6563"}
"""Host ports of the CLI itself: Airflow's metadata database, its API server, the CLI's proxy."""
IN_IMAGE = "/usr/local/airflow/"


def read(name: str) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def read_services() -> dict[str, dict[str, Any]]:
    """All services of the override file."""
    services: dict[str, dict[str, Any]] = read("docker-compose.override.yml")["services"]
    return services


def read_own_services() -> dict[str, dict[str, Any]]:
    """Those that the CLI does not bring itself."""
    return {name: service for name, service in read_services().items() if name not in AIRFLOW_SERVICES}


def list_steps() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, in order; continued lines are joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = (line.strip() for line in re.sub(r"\\\n\s*", " ", text).splitlines())
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line]


def read_image_variables() -> dict[str, str]:
    """The environment variables that the Dockerfile sets."""
    settings = " ".join(arguments for step, arguments in list_steps() if step == "ENV")
    pairs = re.findall(r"""(\w+)=(?:"([^"]*)"|'([^']*)')""", settings)
    return {name: double or single for name, double, single in pairs}


def read_env(uncomment: bool) -> dict[str, str]:
    """The variables of .env.example as the CLI reads them; with the last block uncommented or without it."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    above, mark, block = text.partition("# --- Only for --standalone")
    assert mark
    if uncomment:
        above += re.sub(r"^# (?=[A-Z_]+=)", "", block, flags=re.MULTILINE)
    lines = (line for line in above.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path of the project out of the image."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    parts = path.split("/")
    above = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatch(part, pattern) or fnmatch(f"x/{part}", pattern) for part in above for pattern in patterns)
