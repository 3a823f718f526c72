"""Whether what is said of a first model can be used, before the next question is asked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from include.adopt.dialogue import Wishes
from include.adopt.event_columns import choose_columns, choose_keys
from include.adopt.event_files import EventFiles
from include.adopt.flat_plan import choose_row_keys, plan_flat
from include.adopt.history import check_history
from include.adopt.inbox import InboxSource, explain_empty_times
from include.adopt.label_sentence import read_label
from include.adopt.label_values import LabelValues, find_newest_file, read_label_values
from include.adopt.model_request import ModelRequest
from include.adopt.new_model import split_words
from include.adopt.staged_columns import stage_columns
from include.errors import SettingsError
from include.settings import CONFIG_DIR
from include.settings.models import check_model_file
from include.settings.section import check_section
from include.settings.sources import SourceSettings

FindFiles: TypeAlias = "Callable[[str], EventFiles | None]"


@dataclass(frozen=True)
class AnswerCheck:
    """Looks at one answer after another, as ``include.adopt.dialogue`` calls it.

    What it lets through is checked once more, as a whole, by ``include.adopt.rehearsal``.

    Attributes:
        sources: as they were found in the folder.
        declared: the entries of ``sources.yml`` by source.
        find_files: the files of the events, by their source.
    """

    sources: Sequence[InboxSource]
    declared: Mapping[str, Any]
    find_files: FindFiles
    time_zone: str
    environment: str

    def __call__(self, name: str, wishes: Wishes) -> None:
        """Refuse an answer that cannot be used.

        Raises:
            SettingsError: says why, and what can be.
            AdoptError: the events do not go back far enough.
            SourceError: the file that holds the label cannot be read.
        """
        events, entity = wishes.events or "", split_words(wishes.entity)
        if name == "events":
            self._read_source(events)
        elif name == "entity":
            self._check_entity(events, entity)
        elif name == "label":
            self._check_label(wishes, events, entity)
        elif name == "name":
            _check_name(wishes.name or "")

    def _check_entity(self, events: str, entity: Sequence[str]) -> None:
        source = self._read_source(events).sources[events]
        if source.grain == "daily":
            choose_keys(events, source, stage_columns(source), entity)
            return
        try:
            choose_row_keys(events, source, entity)
        except SettingsError as error:
            raise SettingsError(f"{self._explain_dates(events)}{error}") from error

    def _explain_dates(self, events: str) -> str:
        """What keeps the rows of a source from being events: dates that cannot be read, or are not always there."""
        found = [source.new for source in self.sources if source.name == events]
        reasons = [one for new in found for one in (*new.declaration.unread_dates, *explain_empty_times(new))]
        return f"For events {events} lacks a time: {reasons[0]} " if reasons else ""

    def _check_label(self, wishes: Wishes, events: str, entity: Sequence[str]) -> None:
        settings, label = self._read_source(events), wishes.label or ""
        source = settings.sources[events]
        if source.grain == "daily":
            choose_columns(events, source, entity, read_label(label, events).column)
            files = self.find_files(events)
            check_history(wishes, files.days if files else (), CONFIG_DIR, self.environment)
            return
        found = next((one.new.files.files[-1].path for one in self.sources if one.name == events), None)

        def read(column: str) -> LabelValues:
            return read_label_values(events, column, settings, found or find_newest_file(events, settings))

        plan_flat(ModelRequest("model", tuple(entity), events, label), source, read)

    def _read_source(self, name: str) -> SourceSettings:
        """The settings with this source alone."""
        entries = {source.name: source.preview() for source in self.sources} | dict(self.declared)
        if name not in entries:
            near = difflib.get_close_matches(name, entries, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(entries)}."
            raise SettingsError(f"There is no source {name!r}, neither in the folder nor in sources.yml. {hint}")
        entry = {key: value for key, value in entries[name].items() if key != "relations"}
        content = {"time_zone": self.time_zone, "sources": {name: entry}}
        return check_section(content, SourceSettings, self.environment, f"source {name!r}")


def _check_name(name: str) -> None:
    path = Path(f"{name}.yml")
    try:
        check_model_file(path, [path])
    except SettingsError as error:
        raise SettingsError(f"A model cannot be called {name!r}: {str(error).removeprefix(f'{path}: ')}") from None
