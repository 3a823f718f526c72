"""Which models a DAG file makes DAGs of, and what is said of those that cannot work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from include.errors import ManifestMissingError, SettingsError
from include.features import catalog
from include.features.catalog import Catalog
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = ["config_dir", "write_model"]

pytestmark = pytest.mark.usefixtures("airflow_home", "folder")


@pytest.fixture
def folder(config_dir: Path, write_model: WriteModel, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good model, a wrong file, and a catalog without a table."""
    write_model()
    write_model("wrong", taks="binary")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config_dir))
    set_catalog(monkeypatch, Catalog({}, {}))
    return config_dir


def set_catalog(monkeypatch: pytest.MonkeyPatch, found: Catalog | Exception) -> None:
    """Have dbt's catalog be this, or fail so."""

    def load() -> Catalog:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(catalog, "load_catalog", load)


def run_task_of(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """Parse as Airflow does to run a task of the DAG."""
    from include.orchestration import models

    monkeypatch.setattr(models, "get_parsing_context", lambda: SimpleNamespace(dag_id=dag_id))


def test_one_error_names_every_wrong_file_and_every_name_that_the_catalog_lacks() -> None:
    from include.orchestration.models import check_models

    with pytest.raises(SettingsError, match=r"2 of the declared models") as error:
        check_models()
    assert "unknown key 'taks'" in str(error.value)
    assert "'failure_labels', which is no label table" in str(error.value)


@pytest.mark.parametrize("reason", [ManifestMissingError("not yet"), SettingsError("dbt's own declarations")])
def test_without_a_catalog_only_the_files_are_checked(monkeypatch: pytest.MonkeyPatch, reason: SettingsError) -> None:
    from include.orchestration.models import check_models

    set_catalog(monkeypatch, reason)
    with pytest.raises(SettingsError, match=r"1 of the declared models.*") as error:
        check_models()
    assert "failures" not in str(error.value)


def test_nothing_is_said_of_good_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.orchestration.models import check_models

    (folder / "models" / "wrong.yml").rename(folder / "wrong.txt")
    monkeypatch.setattr("include.features.spec.resolve_model", lambda *_: None)
    check_models()


def test_a_task_is_not_stopped_by_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.orchestration.models import check_models

    run_task_of(monkeypatch, "failures.score_batch")
    check_models()


def test_a_task_whose_own_model_is_wrong_says_so_and_no_other_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.orchestration.models import declared_models

    run_task_of(monkeypatch, "failures.score_batch")
    assert [model.name for model in declared_models("score_batch")] == ["failures"]
    run_task_of(monkeypatch, "wrong.score_batch")
    with pytest.raises(SettingsError, match="unknown key 'taks'"):
        list(declared_models("score_batch"))
