"""The pins: exact, locked, and those of the runtime image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[a-z,]+\])?==(?P<version>[0-9][A-Za-z0-9.]*)")
UPGRADE = re.compile(r"apache-airflow\s*[=~>]{1,2}.*")
"""The line of requirements.txt that builds of Astro's runtime images refuse as an upgrade of their Airflow."""
RUNTIME_TO_AIRFLOW = {"3.3-8": "3.3.2"}
"""Airflow of the runtime image, by the image's tag; a new image is looked up and added here."""


def read_lines(name: str) -> list[str]:
    """The requirements of a file without comments, markers and empty lines."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    bare = (line.split("#")[0].split(";")[0].strip() for line in lines)
    return [line for line in bare if line]


def read_pins(name: str) -> dict[str, str]:
    """Name → version, names as PyPI compares them."""
    matches = [PIN.fullmatch(line) for line in read_lines(name)]
    return {re.sub(r"[-_.]+", "-", match["name"]).lower(): match["version"] for match in matches if match}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements.lock"])
def test_every_requirement_is_an_exact_pin(name: str) -> None:
    loose = [line for line in read_lines(name) if not PIN.fullmatch(line)]
    assert read_lines(name)
    assert not loose, f"{name} lets these change: {loose}"


@pytest.mark.parametrize("line", ["pandas", "pandas>=2.1.4", "pandas~=2.1", "pandas==2.*", "pandas @ git+https://x"])
def test_a_loose_pin_would_be_seen(line: str) -> None:
    assert not PIN.fullmatch(line)


def test_what_is_required_is_locked_at_the_same_version() -> None:
    locked = read_pins("requirements.lock")
    required = read_pins("requirements.txt")
    assert len(required) > 20
    assert {name: locked.get(name) for name in required} == required


def test_the_runtime_image_is_named_literally_and_has_the_airflow_that_is_required() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    froms = [line for line in lines if line.upper().startswith("FROM")]
    assert froms == ["FROM astrocrpublic.azurecr.io/runtime:3.3-8-python-3.12"]
    assert lines[0] == froms[0]
    assert not any(line.upper().startswith("ARG") for line in lines)
    release = froms[0].rpartition(":")[2].removesuffix("-python-3.12")
    assert read_pins("requirements.txt")["apache-airflow"] == RUNTIME_TO_AIRFLOW[release]


def test_what_astro_forbids_in_requirements_is_not_there() -> None:
    # given that `astro dev start --standalone` reads the file with its own Airflow pinned, and needs pytest
    assert not [line for line in read_lines("requirements.txt") if line.startswith("-") or "--hash" in line]
    assert "pytest" in read_pins("requirements.txt")


def test_no_line_of_the_requirements_looks_like_an_upgrade_of_the_images_airflow() -> None:
    # given the pattern of the runtime's build, which compares whole lines, comments included
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert UPGRADE.fullmatch("apache-airflow==3.3.2  # as in the image")
    assert not [line for line in lines if UPGRADE.fullmatch(line)]
