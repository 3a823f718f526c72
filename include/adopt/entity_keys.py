"""The entity that a model predicts for, by its key columns, and how SQL, YAML and sentences name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.adopt.event_columns import KeyColumn
from include.errors import SettingsError
from include.warehouse.names import MAX_NAME_BYTES


@dataclass(frozen=True)
class EntityKeys:
    """The key columns of an entity."""

    keys: tuple[KeyColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(key.name for key in self.keys)

    @property
    def stems(self) -> list[str]:
        """What each key names, in words."""
        return [key.stem.replace("_", " ") for key in self.keys]

    @property
    def name(self) -> str:
        """The entity's name in meta."""
        return "_".join(key.stem for key in self.keys)

    @property
    def words(self) -> str:
        """An entity in words."""
        return " and ".join(self.stems)

    def check_name(self) -> None:
        """Refuse a name that is too long.

        Raises:
            SettingsError: says how long it is.
        """
        if len(self.name) > MAX_NAME_BYTES:
            raise SettingsError(
                f"The entity would be called {self.name!r}, which has {len(self.name)} characters; {MAX_NAME_BYTES} "
                "are allowed. Name fewer columns in ENTITY, or give them a shorter publish_as."
            )

    def write_grain(self, first: str = "", last: str = "") -> str:
        """What one row is of, in words: the entity, with what is named before and after it."""
        return join_words([word for word in (first, *self.stems, last) if word])

    def match(self, left: str, right: str, indent: int = 12, *, first: Sequence[str] = ("as_of_date",)) -> str:
        """The condition of a join by keys.

        Args:
            first: columns before the keys.
        """
        columns = (*first, *self.names)
        return f"\n{' ' * indent}and ".join(f"{left}.{name} = {right}.{name}" for name in columns)

    def sample(self, number: int, separator: str = ", ") -> str:
        """The keys of one of several entities for a test, as YAML."""
        return separator.join(f"{key.name}: {key.sample(number)}" for key in self.keys)


def join_words(words: Sequence[str]) -> str:
    """Words with commas, and with ``and`` before the last one."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
