"""Which of the declared models a command is about."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from include.errors import SettingsError
from include.features import catalog, manifest, spec
from include.operate.models import choose_models
from include.settings import Settings
from include.settings.models import ModelSettings


def choose(
    models: dict[str, ModelSettings], names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], list[str]]:
    """The chosen models of those that are declared, and what was warned of; dbt's manifest is not looked at."""
    monkeypatch.setattr(manifest, "build_manifest", lambda: None)
    monkeypatch.setattr(catalog, "load_catalog", lambda: None)
    monkeypatch.setattr(spec, "resolve_model", lambda model, _: model.name)
    settings = Settings.model_construct(models=models, broken_models={"torn": "its file is wrong"})
    warned: list[str] = []
    found, specs = choose_models(settings, names, warned.append)
    assert list(found) == list(specs)
    return list(found), warned


@pytest.mark.parametrize("names", [["units", "failures"], ["units failures"]], ids=["words", "one text"])
def test_several_can_be_named(
    models: dict[str, ModelSettings], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(models, names, monkeypatch) == (["units", "failures"], [])


def test_without_a_name_it_is_all_that_can_work(
    models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(models, [], monkeypatch) == (["failures", "units"], ["✘ torn is left out: its file is wrong"])


def test_one_that_is_not_declared_is_refused(models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="declares a model 'unit'"):
        choose(models, ["unit"], monkeypatch)
