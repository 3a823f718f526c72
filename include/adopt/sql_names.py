"""Which names can stand in SQL without quotes, and what is made of those that cannot."""

from __future__ import annotations

import re
from typing import Final

from include.errors import SettingsError
from include.warehouse.names import MAX_NAME_BYTES

# dbt puts a model that has no table of its own, and the input of a unit test, under this and the model's name.
_CTE_PREFIX: Final = "__dbt__cte__"
# https://www.postgresql.org/docs/current/sql-keywords-appendix.html: reserved, also those that may name a function.
RESERVED: Final = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between",
    "binary", "both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint",
    "create", "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end",
    "except", "exists", "extract", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant",
    "group", "having", "ilike", "in", "initially", "inner", "intersect", "into", "is", "isnull", "join",
    "lateral", "leading", "left", "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull",
    "null", "offset", "on", "only", "or", "order", "outer", "overlaps", "placing", "primary", "references",
    "returning", "right", "select", "session_user", "similar", "some", "symmetric", "system_user", "table",
    "tablesample", "then", "to", "trailing", "true", "union", "unique", "user", "using", "values", "variadic",
    "verbose", "when", "where", "window", "with",
})  # fmt: skip


def spell(name: str) -> str:
    """A name in letters of ASCII, of whatever alphabet it is."""
    from text_unidecode import unidecode  # type: ignore[import-untyped]

    return str(unidecode(name)).strip()


def make_plain(name: str) -> str:
    """A name of lower-case letters, digits and underscores that is no word of SQL; empty where nothing is left."""
    plain = re.sub(r"[^a-z0-9]+", "_", spell(name).lower()).strip("_")
    if plain[:1].isdigit():
        plain = f"_{plain}"
    return f"{plain}_value" if plain in RESERVED else plain


def is_plain(name: str) -> bool:
    """Whether a name can stand in SQL as it is."""
    return bool(re.fullmatch(r"[a-z_][a-z0-9_]*", name)) and name not in RESERVED


def check_model_names(names: list[str]) -> None:
    """Refuse names of dbt models that are no identifiers or too long for PostgreSQL with what dbt puts before them.

    Raises:
        SettingsError: names the first one.
    """
    limit = MAX_NAME_BYTES - len(_CTE_PREFIX)
    for name in names:
        if not is_plain(name):
            raise SettingsError(
                f"A dbt model would be called {name!r}; give a NAME and a GROUP of lower-case letters, digits and "
                "underscores, which begin with a letter."
            )
        if len(name) > limit:
            raise SettingsError(
                f"A dbt model would be called {name!r}, which has {len(name)} characters; dbt and PostgreSQL leave "
                f"{limit}. Give a shorter NAME or a shorter GROUP."
            )


def check_column_names(names: list[str]) -> None:
    """Refuse columns of one table that are too long for PostgreSQL or have one name.

    Raises:
        SettingsError: names the first one.
    """
    for position, name in enumerate(names):
        if len(name.encode()) > MAX_NAME_BYTES:
            raise SettingsError(
                f"A column would be called {name!r}, which has {len(name)} characters; PostgreSQL takes "
                f"{MAX_NAME_BYTES}. Give the source's column a shorter publish_as in sources.yml."
            )
        if name in names[:position]:
            raise SettingsError(
                f"Two columns would be called {name!r}. Give the source's column another publish_as in sources.yml."
            )
