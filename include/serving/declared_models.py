"""Which models to serve: those that the files declare at this moment."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from include.errors import SettingsError
from include.settings import reload_settings
from include.settings.models import find_model_files

log = logging.getLogger(__name__)

_Stamp = frozenset[tuple[str, int, int]]
_PATTERNS: Final = ("*.yml", "models/*")


class DeclaredModels:
    """The names of the models to serve; the files are read again when one of them has changed.

    A wrong file takes no model away that is served. Neither does a file that is absent at one look only, as it is
    while a program replaces it.
    """

    def __init__(self, folder: Path, environment: str | None = None) -> None:
        """``folder`` holds the shared files and ``models``; ``environment`` overrides ``ORRERY_ENVIRONMENT``."""
        self._folder = folder
        self._environment = environment
        self._stamp: _Stamp | None = None
        self._found: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()

    def read(self) -> frozenset[str]:
        """The names of this moment: a new file counts at once, a removed one at the next look without a change.

        Raises:
            OSError: the folder cannot be read, or a file vanished meanwhile; the next look may go well.
        """
        stamp = self._read_stamp()
        if stamp == self._stamp:
            self._names = self._found
        else:
            self._found = self._find()
            self._names |= self._found
            self._stamp = stamp
        return self._names

    def _read_stamp(self) -> _Stamp:
        stats = {path: path.stat() for pattern in _PATTERNS for path in self._folder.glob(pattern)}
        return frozenset((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in stats.items())

    def _find(self) -> frozenset[str]:
        """The models whose file is right, and those that are served although their file is wrong now."""
        try:
            stems = {path.stem for path in find_model_files(self._folder / "models")}
            settings = reload_settings(self._folder, self._environment)
        except SettingsError as error:
            log.warning("The models that are served stay the same until this is corrected: %s", error)
            return self._names
        for name, message in settings.broken_models.items():
            if name in self._names:
                log.warning("Model %r is served as before: %s", name, message)
            else:
                log.error("Model %r is not served: %s", name, message)
        return frozenset(settings.models) | (self._names & stems)
