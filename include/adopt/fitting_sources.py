"""Which sources a model can use beside its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from include.adopt.further_sources import list_other_sources
from include.adopt.model_plan import plan_model
from include.adopt.model_request import ModelRequest
from include.errors import SettingsError
from include.settings.sources import SourceSettings


def find_fitting(request: ModelRequest, sources: SourceSettings) -> tuple[str, ...]:
    """The declared sources that name the entity of a model and give columns that can be called by their names.

    Raises:
        SettingsError: the model cannot be made of its own source.
        SourceError: there is no such source.
    """
    if sources.find_source(request.events).grain != "daily":
        return ()
    plan_model(request, sources)
    found = request
    for name in list_other_sources(request, sources):
        wider = replace(found, also=(*found.also, name))
        with suppress(SettingsError):
            plan_model(wider, sources)
            found = wider
    return found.also
