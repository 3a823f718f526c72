"""``python -m include.features.dbt_docs FOLDER``: dbt's documentation of the project, with the declared models in it.

Each declared model becomes an exposure, so that dbt's graph goes on from groups and labels to what uses them. Its
newest scores become a source, with a second exposure for the list of entities to act on. The folder gets a copy of the
project with ``models/exposures.yml``, and one page, ``index.html``, that needs no server.

Environment: ``ORRERY_DBT_HOST`` and so on, as ``dbt/profiles.yml`` reads them. Where no warehouse answers, the page has
no types and sizes of tables, and says so.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from include.errors import SettingsError
from include.features.catalog import Catalog, load_catalog
from include.features.columns import LATEST_COLUMNS
from include.features.manifest import DBT_DIR, build_manifest
from include.features.read import AS_OF
from include.features.spec import ModelSpec, resolve_model
from include.settings import load_settings
from include.settings.models import ModelSettings

SCORES: Final = "scores"
"""The name of dbt's source."""
_PAGE: Final = "static_index.html"


def describe_exposures(models: Mapping[str, ModelSettings], catalog: Catalog) -> dict[str, Any]:
    """The content of dbt's YAML file: the models, with what they are made from, and their newest scores.

    Raises:
        SettingsError: a model names what dbt does not have.
    """
    specs = {name: resolve_model(model, catalog) for name, model in models.items()}
    exposures = [describe_exposure(model, specs[name]) for name, model in models.items()]
    scores = [describe_scores(model, specs[name]) for name, model in models.items()]
    source = {
        "name": SCORES, "schema": "ml", "description": "The newest scores of each model, by score_batch.",
        "tables": scores,
    }  # fmt: skip
    return {
        "exposures": [*exposures, *(describe_list(model) for model in models.values())],
        "sources": [source] if scores else [],
    }


def describe_scores(model: ModelSettings, spec: ModelSpec) -> dict[str, Any]:
    """A model's newest scores as a table of dbt's source ``scores``, with its columns."""
    keys = {key: f"Key of the {spec.entity.name}." for key in spec.entity.key_names}
    columns = {AS_OF: "The day of the features, by which an entity is scored.", **keys, **LATEST_COLUMNS}
    return {
        "name": name_scores(model),
        "description": f"The newest scores of {model.name}. {model.description} One row for each {spec.entity.name}.",
        "columns": [{"name": name, "description": told} for name, told in columns.items()],
    }


def describe_list(model: ModelSettings) -> dict[str, Any]:
    """The entities to act on, as an exposure of the model's newest scores."""
    return {
        "name": f"{model.name}_list",
        "label": f"Entities to act on by {model.name}",
        "type": "analysis",
        "description": f"{model.description} Read ml.{name_scores(model)}, the highest prediction first; its column "
        "reasons says what moved each.",
        "owner": {"name": model.owner},
        "depends_on": [f"source('{SCORES}', '{name_scores(model)}')"],
    }


def name_scores(model: ModelSettings) -> str:
    """The view of a model's newest scores in the schema ``ml``."""
    return f"{model.name}_latest_predictions"


def describe_exposure(model: ModelSettings, spec: ModelSpec) -> dict[str, Any]:
    """One model as dbt's exposure; it depends on its label, its feature groups and their online tables."""
    online = [group.online_model for group in spec.groups if group.online_model]
    meta = {
        "task": model.task,
        "label": model.label,
        "feature_sets": list(model.features.sets),
        "compared_sets": {name: list(sets) for name, sets in model.features.compare.items()},
        "trainer": model.trainer,
        "approvers": list(model.governance.all_approvers),
    }
    return {
        "name": model.name,
        "type": "ml",
        "description": model.description,
        "owner": {"name": model.owner},
        "depends_on": [f"ref('{name}')" for name in (*model.features.groups, *online, model.label_table)],
        "config": {"meta": meta},
    }


def write_docs(folder: Path, models: Mapping[str, ModelSettings]) -> Path:
    """Make the documentation; returns its page.

    Raises:
        SettingsError: dbt refuses the project, in dbt's own words, or a model names what dbt does not have.
    """
    build_manifest()
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(DBT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    exposures = yaml.safe_dump(describe_exposures(models, load_catalog()), sort_keys=False)
    (project / "models" / "exposures.yml").write_text(exposures, encoding="utf-8")
    done = run_dbt(project)
    if done.returncode != 0 and run_dbt(project, "--empty-catalog", "--no-compile").returncode == 0:
        sys.stderr.write(f"{done.stdout[-1000:]}\nThe page has no types and sizes of tables: see above.\n")
    elif done.returncode != 0:
        raise SettingsError(f"dbt cannot document {DBT_DIR}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    page = folder / "index.html"
    shutil.copyfile(project / "target" / _PAGE, page)
    return page


def run_dbt(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``dbt docs generate`` of a project, with everything on one page."""
    command = [
        sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "docs", "generate", "--static", *options,
        "--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(project / "target"),
        "--log-path", str(project / "target"),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)


def main() -> int:
    """Make the documentation in the folder of the first argument; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.features.dbt_docs", description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    try:
        page = write_docs(options.folder.absolute(), load_settings().models)
    except SettingsError as error:
        sys.stderr.write(f"✘ {error}\n")
        return 1
    sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
