"""Does an adoption on copies of the settings and of the dbt project, so that what would fail changes nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from include.adopt.dialogue import Wishes
from include.adopt.examples import Removal, remove_examples
from include.adopt.first_model import check_model
from include.adopt.inbox import InboxSource
from include.adopt.placing import PlacedSource, set_critical
from include.adopt.sources_file import add_entry
from include.adopt.zone import set_time_zone
from include.errors import OrreryError
from include.settings.section import Environment, read_yaml

_PARTS: Final = (Path("include") / "config", Path("dbt"))
_IGNORED: Final = shutil.ignore_patterns("target", "logs", "__pycache__")


@contextmanager
def _lend_folder() -> Iterator[Path]:
    """A folder for the copies; errors do not name it, as it is gone when they are read."""
    with tempfile.TemporaryDirectory() as place:
        try:
            yield Path(place)
        except OrreryError as error:
            raise type(error)(str(error).replace(f"{place}/", "")) from error


def rehearse(
    root: Path,
    removal: Removal,
    sources: Sequence[InboxSource],
    time_zone: str,
    wishes: Wishes,
    environment: Environment,
) -> None:
    """Take the examples out of copies, declare the sources there, and plan the model.

    Raises:
        SettingsError: the settings refuse a source, or the model cannot be made of it.
        SourceError: there is no such source.
    """
    with _lend_folder() as copy:
        for part in _PARTS:
            shutil.copytree(root / part, copy / part, ignore=_IGNORED)
        remove_examples(
            copy,
            Removal(
                tuple(path for path in removal.paths if (copy / path).exists()),
                {path: text for path, text in removal.texts.items() if (copy / path).exists()},
            ),
        )
        config = copy / _PARTS[0] / "sources.yml"
        set_time_zone(config, time_zone)
        for source in sources:
            if source.name not in (read_yaml(config).get("sources") or {}):
                entry = set_critical(PlacedSource(source.name, source.preview()), wishes.events)
                add_entry(config, source.name, entry, environment)
        files = {source.name: source.new.files.files[-1].path for source in sources}
        check_model(wishes, config.parent, copy / _PARTS[1], environment, files.get(wishes.events or ""))
