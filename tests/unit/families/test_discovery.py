"""A family is one module: it is found, and the settings know its name and its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

import include.families
from include.errors import SettingsError
from include.families.discovery import FAMILIES, discover_families
from include.settings.training import TrainingSettings
from tests.model.machines import load_training


def test_every_module_that_holds_a_family_is_found_under_its_own_name() -> None:
    folder = Path(include.families.__file__).parent
    holding = {path.stem for path in folder.glob("*.py") if "\nFAMILY: Final = Family(" in path.read_text()}
    assert set(FAMILIES) == holding
    assert len(holding) >= 8


def test_a_new_module_is_a_new_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "own_families"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "quiet.py").write_text("KIND = 1\n")
    (package / "own.py").write_text("from include.families.ridge import FAMILY\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert discover_families(package, "own_families") == {"own": FAMILIES["ridge"]}


def test_what_is_no_family_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "wrong_families"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "own.py").write_text("FAMILY = 'ridge'\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TypeError, match=r"wrong_families\.own\.FAMILY is 'ridge'"):
        discover_families(package, "wrong_families")


def test_the_settings_have_a_section_for_each_family_and_no_other() -> None:
    usual = load_training("binary").parameters.model_dump()
    assert set(usual) == set(FAMILIES)
    with pytest.raises(
        SettingsError,
        match=r"unknown key 'parameters\.xgbost'; did you mean 'xgboost'",
    ):
        load_training("binary", parameters={**usual, "xgbost": usual["xgboost"]})
    with pytest.raises(SettingsError, match=r"unknown key 'parameters\.xgboost\.depth'; did you mean 'max_depth'"):
        load_training("binary", parameters={**usual, "xgboost": {**usual["xgboost"], "depth": 3}})
    with pytest.raises(SettingsError, match=r"'families\.1'.*'xgboost'"):
        load_training("binary", families=["baseline", "xgbost"])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_is_named_needs_its_parameters_and_another_does_not(family: str) -> None:
    usual = load_training("binary").parameters.model_dump()
    others = {name: values for name, values in usual.items() if name not in (family, "ensemble")}
    with pytest.raises(SettingsError, match=rf"parameters\.{family}, as families names it"):
        load_training("binary", parameters=others, families=["baseline", family])
    rest = [name for name in others if name != family][:1]
    assert isinstance(load_training("binary", parameters=others, families=["baseline", *rest]), TrainingSettings)


@pytest.mark.parametrize("member", ["forest", "ensemble", "baseline"])
def test_an_ensemble_is_made_of_families_with_parameters(member: str) -> None:
    usual = load_training("binary").parameters.model_dump()
    parameters = {**usual, "ensemble": {"members": ["xgboost", member], "kind": "voting"}}
    with pytest.raises(SettingsError, match=rf"members to be families with parameters, '{member}' is none"):
        load_training("binary", parameters=parameters)
