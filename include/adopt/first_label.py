"""Looks whether the label of the first model differs between entities, before the checkout is changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from include.adopt.dialogue import Wishes, list_wishes
from include.adopt.first_model import is_declared
from include.adopt.label_check import EventFiles, check_label
from include.adopt.new_model import make_request, parse_options
from include.settings.section import check_section
from include.settings.source_kinds import FileSource


def check_first_label(
    wishes: Wishes, entries: Mapping[str, Any], root: Path, time_zone: str, config: Path, environment: str
) -> list[str]:
    """As :func:`include.adopt.label_check.check_label`; of a model that is declared already, nothing.

    Args:
        entries: of ``sources.yml`` by source, as they are or will be.
        root: the folder of the sources, where their files are by now.
        config: the folder of settings.

    Raises:
        SettingsError: the label is the same for all entities.
    """
    entry = entries.get(wishes.events or "", {})
    if entry.get("kind") != "files" or is_declared(wishes, config):
        return []
    request = make_request(parse_options(list_wishes(wishes)[1:]))
    source = check_section(dict(entry), FileSource, environment, f"source {request.events!r}")
    return check_label(request, EventFiles(source, root, time_zone), config, environment)
