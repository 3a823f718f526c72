"""Looks whether the label of the first model differs between entities, before anything is placed or changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from include.adopt.dialogue import Wishes, list_wishes
from include.adopt.event_files import EventFiles, Tell, find_declared_files, find_new_files
from include.adopt.history import check_history
from include.adopt.inbox import InboxSource
from include.adopt.label_check import check_label
from include.adopt.new_model import make_request, parse_options
from include.settings.section import check_section
from include.settings.source_kinds import FileSource


def find_first_files(
    events: str, sources: Sequence[InboxSource], declared: Mapping[str, Any], root: Path, time_zone: str,
    environment: str, tell: Tell,
) -> EventFiles | None:  # fmt: skip
    """The files of the events; None where there are none to look at: a table in which nothing happens, no files.

    Args:
        sources: as they were found.
        declared: the entries of ``sources.yml`` by source, whose files are placed already.
        root: the sources' folder.
        tell: takes lines about what is done, where it takes long.

    Raises:
        SourceError: see :func:`include.adopt.event_files.find_new_files`.
    """
    if events in declared:
        if declared[events].get("kind") != "files":
            return None
        source = check_section(dict(declared[events]), FileSource, environment, f"source {events!r}")
        return find_declared_files(events, source, root, time_zone)
    found = next((one for one in sources if one.name == events and one.is_daily), None)
    return find_new_files(found, time_zone, tell) if found else None


def check_first_label(
    wishes: Wishes, files: EventFiles | None, config: Path, environment: str, tell: Tell
) -> list[str]:
    """As :func:`include.adopt.label_check.check_label`, of events that go back far enough.

    Args:
        files: of the events; nothing is said without any.
        config: the folder of settings.

    Raises:
        AdoptError: the events do not go back far enough.
        SettingsError: the label is the same for all entities.
    """
    if files is None:
        return []
    for question in files.questions:
        tell(f"please confirm: {question}")
    if files.source.grain == "daily":
        check_history(wishes, files.days, config, environment)
    request = make_request(parse_options(list_wishes(wishes)[1:]))
    return check_label(request, files, config, environment, tell)
