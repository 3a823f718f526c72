"""MLflow's registry: every version of ours as one of its own, with tags and aliases for people and stock clients.

What serves is decided by ``serving.rollouts``, and what there is to serve by ``ml.versions``
(:mod:`include.registry.ledger`). MLflow's versions, tags and aliases follow; nothing reads them back to decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.errors import RegistryError
from include.registry.ledger import (
    BASELINE,
    RegisteredVersion,
    add_version,
    find_candidate,
    read_gates,
    require_version,
)
from include.registry.rest import MlflowRest
from include.registry.tags import describe_page, describe_result
from include.warehouse.session import Session

CANDIDATE: Final = "candidate"
CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"
_REGISTERED: Final = ("staging", "production")


def register_run(
    session: Session, tracking_uri: str, model_name: str, run_id: str, page: str | None = None
) -> RegisteredVersion:
    """Make a fitted model a version, here and in MLflow; the same run is the same version, however often it is asked.

    It is given the alias ``candidate``, or ``champion`` where it is the baseline, the first incumbent of a model.

    Args:
        page: the address of the candidate's page, which becomes the description of the version in MLflow.

    Raises:
        RegistryError: MLflow is away, or the gates have not let the run through.
    """
    found = find_candidate(session, run_id)
    if found is None or found["model_name"] != model_name:
        raise RegistryError(f"No run {run_id} of {model_name!r} is in ml.candidates: nothing was trained by it here.")
    is_baseline = found["result"]["family"] == BASELINE
    decision = BASELINE if is_baseline else found["decision"]
    if not is_baseline and decision not in _REGISTERED:
        raise RegistryError(
            f"Run {run_id} of {model_name!r} is not registered: its newest decision in ml.decisions is {decision!r}."
        )
    gates = read_gates(session, run_id)
    with MlflowRest(tracking_uri) as mlflow:
        number = _ensure_version(mlflow, model_name, found["result"], decision, gates, page)
        _write_alias(mlflow, model_name, CHAMPION if is_baseline else CANDIDATE, number)
    return require_version(session, model_name, add_version(session, model_name, run_id, number))


def set_alias(session: Session, tracking_uri: str, alias: str, version: RegisteredVersion) -> None:
    """Give an alias to a version in MLflow; whichever carried it before loses it.

    A version that somebody has deleted there is registered again.

    Raises:
        RegistryError: MLflow is away.
    """
    gates = read_gates(session, version.run_id)
    with MlflowRest(tracking_uri) as mlflow:
        number = _ensure_version(mlflow, version.model_name, version.result, str(version.decision), gates)
        _write_alias(mlflow, version.model_name, alias, number)


def remove_alias(tracking_uri: str, model_name: str, alias: str) -> None:
    """Take an alias away in MLflow; where there is none, nothing happens.

    Raises:
        RegistryError: MLflow is away.
    """
    with MlflowRest(tracking_uri) as mlflow:
        if mlflow.find("registered-models/alias", {"name": model_name, "alias": alias}) is not None:
            mlflow.send("registered-models/alias", {"name": model_name, "alias": alias}, "DELETE")


def find_alias_run(tracking_uri: str, model_name: str, alias: str) -> str | None:
    """The run of the version that carries an alias in MLflow; None when no version does.

    Raises:
        RegistryError: MLflow is away.
    """
    with MlflowRest(tracking_uri) as mlflow:
        found = mlflow.find("registered-models/alias", {"name": model_name, "alias": alias})
    return None if found is None else str(found["model_version"].get("run_id", ""))


def _ensure_version(
    mlflow: MlflowRest, model_name: str, result: Mapping[str, Any], decision: str, gates: Sequence[Mapping[str, Any]],
    page: str | None = None,
) -> int:  # fmt: skip
    """The number of MLflow's version of a run and its model; it is registered where there is none."""
    if mlflow.find("registered-models/get", {"name": model_name}) is None:
        _create_model(mlflow, model_name)
    known = [
        int(item["version"])
        for item in _search(mlflow, f"name='{model_name}' and run_id='{result['run_id']}'")
        if item.get("source") == result["model_uri"]
    ]
    return min(known) if known else _create(mlflow, model_name, result, describe_result(result, decision, gates), page)


def _create(
    mlflow: MlflowRest, model_name: str, result: Mapping[str, Any], tags: Mapping[str, str], page: str | None
) -> int:
    """One call creates the version with all its tags: there is never one without them."""
    created = mlflow.send(
        "model-versions/create",
        {
            "name": model_name,
            "source": result["model_uri"],
            "run_id": result["run_id"],
            "model_id": str(result["model_uri"]).removeprefix("models:/"),
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
            "description": describe_page(page) if page else "",
        },
    )
    return int(created["model_version"]["version"])


def _create_model(mlflow: MlflowRest, model_name: str) -> None:
    try:
        mlflow.send("registered-models/create", {"name": model_name})
    except RegistryError:
        # Somebody else may have created it in between; anything else shows here again.
        mlflow.get("registered-models/get", {"name": model_name})


def _search(mlflow: MlflowRest, query: str) -> list[dict[str, Any]]:
    """All versions that a filter finds, page by page."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = mlflow.get("model-versions/search", {"filter": query, "max_results": 1000, "page_token": token})
        found += page.get("model_versions", [])
        token = page.get("next_page_token", "")
        if not token:
            return found


def _write_alias(mlflow: MlflowRest, model_name: str, alias: str, version: int) -> None:
    mlflow.send("registered-models/alias", {"name": model_name, "alias": alias, "version": str(version)})
