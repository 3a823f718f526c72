"""Sources besides the one whose events a model is about: what they must be, and what is made of a list."""

from __future__ import annotations

from collections.abc import Sequence

from include.adopt.entity_keys import EntityKeys
from include.adopt.event_columns import choose_keys
from include.adopt.event_part import ListPart
from include.adopt.model_request import ModelRequest
from include.adopt.staged_columns import StagedColumn, stage_columns
from include.adopt.table_features import list_table_features
from include.errors import SettingsError
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings


def list_other_sources(request: ModelRequest, sources: SourceSettings) -> list[str]:
    """The declared sources that a request does not name."""
    return [name for name in sources.sources if name not in (request.events, *request.also)]


def check_further(name: str, request: ModelRequest, sources: SourceSettings, entity: EntityKeys) -> SourceBase:
    """A source of which features of an entity can be made.

    Raises:
        SettingsError: says why none can be.
        SourceError: there is no such source.
    """
    if name == request.events or request.also.count(name) > 1:
        raise SettingsError(f"ALSO names {name!r}, which is used already; name each further source once.")
    source = sources.find_source(name)
    staged = stage_columns(source)
    keys = _find_keys(name, source, staged, request.events, entity)
    if source.grain != "daily" and {*keys} != {one.name for one in staged if one.origin in source.key}:
        raise SettingsError(
            f"ALSO names {name!r}, in which {', '.join(source.key)} names a row (key in sources.yml): it may have "
            f"several rows of one {entity.words}. Leave it out, and join it in dbt."
        )
    return source


def plan_list(name: str, source: SourceBase, entity: EntityKeys, group: str, listed: Sequence[str] | None) -> ListPart:
    """What is made of a list of the entities.

    Args:
        group: that its features belong to.
        listed: the columns of its staging model, where there is one; others are left out.

    Raises:
        SettingsError: its staging model lacks a column that is needed.
    """
    staged = stage_columns(source)
    if listed is not None:
        for column in (*entity.names, "valid_from", "valid_to"):
            if column not in listed:
                raise SettingsError(
                    f"The staging model stg_{name} is there already, and its yml lists no column {column!r}, which is "
                    "needed. Add it to the model and to its yml."
                )
        staged = tuple(one for one in staged if one.name in listed)
    others = [one for one in staged if one.name not in entity.names]
    features, questions = list_table_features(f"{name}_rows", others, as_of=None, prefix=f"{name}_")
    note = (
        "the copy counts that is dated before an as-of date; where it was made later than it is dated, take out what "
        "has changed since, or tells of what came later."
    )
    return ListPart(entity, group, name, staged, features, (*([note] if features else []), *questions))


def _find_keys(
    name: str, source: SourceBase, staged: Sequence[StagedColumn], events: str, entity: EntityKeys
) -> tuple[str, ...]:
    """The names of the entity's keys, which have to be those of the model's own source, with the same types."""
    try:
        keys = choose_keys(name, source, staged, entity.names)
    except SettingsError as error:
        raise SettingsError(f"ALSO names {name!r}, which does not name the entity. {error} Or leave it out.") from None
    for key, own in zip(keys, entity.keys, strict=True):
        if (key.name, key.sql_type) != (own.name, own.sql_type):
            raise SettingsError(
                f"ALSO names {name!r}, whose {key.name} is a {key.sql_type}, and {own.name} of {events!r} is a "
                f"{own.sql_type}. Give it another type or publish_as in sources.yml, or leave it out."
            )
    return tuple(key.name for key in keys)
