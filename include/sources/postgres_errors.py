"""What goes wrong with a PostgreSQL source, in words: whether it is what is read, or the server and the way to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from include.errors import SourceAwayError, SourceError

CONNECTION_FAILURE: Final = "08006"
DATA_EXCEPTION: Final = "22000"
QUERY_CANCELED: Final = "57014"
# Classes of errors (https://www.postgresql.org/docs/current/errcodes-appendix.html) that are about the connection, the
# load or a standby, and the right to read: nothing is wrong with what is read.
_NO_FAULT: Final = ("08", "28", "40", "53", "57", "58", "42501")
_MESSAGE_LENGTH: Final = 500


@dataclass(frozen=True)
class PostgresErrors:
    """The errors of reading one thing: the source's name, its connection's, and what is read where."""

    name: str
    connection: str
    place: str

    def explain(self, error: Exception, state: str) -> SourceError:
        """The error of a statement, by its SQLSTATE."""
        if state.startswith(_NO_FAULT):
            return SourceAwayError(
                f"{self._start}: reading broke off ({_shorten(error)}); nothing of it is kept. Check the server and "
                f"the rights of connection {self.connection!r}, and run again."
            )
        return SourceError(
            f"{self._start}: the database refuses ({_shorten(error)}). Correct the source in sources.yml, or what it "
            "reads, and run again."
        )

    def explain_no_connection(self, error: Exception) -> SourceError:
        """The error where there is no connection."""
        return SourceAwayError(
            f"{self._start}: no connection ({_shorten(error)}). Check that the server is up, and the host, database, "
            f"login and password of connection {self.connection!r}; then run again."
        )

    def explain_missing_table(self, near: str | None) -> SourceError:
        """The error where a table is not there, with the name of one that is."""
        hint = f" (do you mean {near}?)" if near else ""
        return SourceError(
            f"{self._start}: there is no such table{hint}. Names are written as in the database, with their capitals. "
            f"Correct table of {self.name!r} in sources.yml, and run again."
        )

    def explain_columns(self, problem: object) -> SourceError:
        """The error of columns that are not there or cannot be read."""
        return SourceError(
            f"{self._start}: {problem}. Correct the columns or the watermark of {self.name!r} in sources.yml, and run "
            "again."
        )

    @property
    def _start(self) -> str:
        return f"Source {self.name!r}, {self.place}"


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:_MESSAGE_LENGTH]
