"""Versions and aliases of the registered models.

An MLflow alias is an unconditional write: of two promotions at once, the later one wins silently.
What serves is therefore decided by ``serving.rollouts``; the aliases follow it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.errors import RegistryError
from include.registry.files import LoadedModelFiles, fetch_onnx
from include.registry.rest import MlflowRest
from include.registry.version import ModelVersion, describe_result, parse_version

CANDIDATE: Final = "candidate"
CHAMPION: Final = "champion"

__all__ = [
    "CANDIDATE", "CHAMPION", "LoadedModelFiles", "ModelVersion", "fetch_onnx",
    "get_alias", "list_versions", "read_version",
    "register_baseline", "register_candidate", "set_alias",
]  # fmt: skip


def register_candidate(
    tracking_uri: str,
    model_name: str,
    result: Mapping[str, Any],
    decision: str,
    gates: Sequence[Mapping[str, Any]] = (),
    baseline: Mapping[str, Any] | None = None,
) -> int:
    """Register a trained model that passed its gates, and give it the alias ``candidate``.

    The same run registers once, however often this is called.

    Args:
        result: what ``include.training.fit.fit_family`` returned.
        decision: 'staging' or 'production'.
        gates: what each gate said, as mappings.
        baseline: the result of the baseline family, for the tags baseline_score and baseline_feature.

    Returns:
        the version number.

    Raises:
        RegistryError: MLflow is away, or the decision is neither of the two.
    """
    if decision not in ("staging", "production"):
        raise RegistryError(
            f"A candidate is registered for 'staging' or 'production', not for {decision!r}. "
            "What the gates refused stays a run; include.registry.runs.record_decision writes the refusal there."
        )
    return _register(tracking_uri, model_name, result, decision, gates, baseline, CANDIDATE)


def register_baseline(tracking_uri: str, model_name: str, baseline: Mapping[str, Any]) -> int:
    """Register the rule that one would use without machine learning, unless there is a champion already.

    The first canary needs an incumbent: this is it. With a champion, nothing is registered.

    Args:
        baseline: what ``include.training.fit.fit_family`` returned for the baseline family.

    Returns:
        the version number of the champion: the one that was there, or the baseline.
    """
    incumbent = get_alias(tracking_uri, model_name, CHAMPION)
    if incumbent is not None:
        return incumbent
    return _register(tracking_uri, model_name, baseline, "baseline", (), baseline, CHAMPION)


def _register(
    tracking_uri: str,
    model_name: str,
    result: Mapping[str, Any],
    decision: str,
    gates: Sequence[Mapping[str, Any]],
    baseline: Mapping[str, Any] | None,
    alias: str,
) -> int:
    tags = describe_result(result, decision, gates)
    if baseline is not None:
        tags |= {"baseline_score": f"{baseline['score']:.6g}", "baseline_feature": str(baseline["baseline_feature"])}
    with MlflowRest(tracking_uri) as mlflow:
        _ensure_model(mlflow, model_name)
        known = _search(mlflow, f"name='{model_name}' and run_id='{result['run_id']}'")
        version = min(int(item["version"]) for item in known) if known else _create(mlflow, model_name, result, tags)
        _write_alias(mlflow, model_name, alias, version)
    return version


def _create(mlflow: MlflowRest, model_name: str, result: Mapping[str, Any], tags: Mapping[str, str]) -> int:
    """One call creates the version with all its tags: there is never one without them."""
    created = mlflow.send(
        "model-versions/create",
        {
            "name": model_name,
            "source": result["model_uri"],
            "run_id": result["run_id"],
            "model_id": str(result["model_uri"]).removeprefix("models:/"),
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        },
    )
    return int(created["model_version"]["version"])


def _ensure_model(mlflow: MlflowRest, model_name: str) -> None:
    if mlflow.find("registered-models/get", {"name": model_name}) is None:
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


def read_version(tracking_uri: str, model_name: str, version_or_alias: str | int) -> ModelVersion | None:
    """A version by its number or by an alias; None when there is none."""
    with MlflowRest(tracking_uri) as mlflow:
        if str(version_or_alias).isdecimal():
            query = {"name": model_name, "version": str(version_or_alias)}
            found = mlflow.find("model-versions/get", query)
        else:
            found = mlflow.find("registered-models/alias", {"name": model_name, "alias": str(version_or_alias)})
        if found is None:
            return None
        content = found["model_version"]
        return parse_version(content, _read_aliases(mlflow, model_name).get(int(content["version"]), []))


def list_versions(tracking_uri: str, model_name: str) -> list[ModelVersion]:
    """Every version, newest first; empty when the model is not registered."""
    with MlflowRest(tracking_uri) as mlflow:
        aliases = _read_aliases(mlflow, model_name)
        found = _search(mlflow, f"name='{model_name}'")
    versions = [parse_version(content, aliases.get(int(content["version"]), [])) for content in found]
    return sorted(versions, key=lambda item: item.version, reverse=True)


def _read_aliases(mlflow: MlflowRest, model_name: str) -> dict[int, list[str]]:
    """Version → its aliases."""
    found = mlflow.find("registered-models/get", {"name": model_name}) or {"registered_model": {}}
    aliases: dict[int, list[str]] = {}
    for item in found["registered_model"].get("aliases", []):
        aliases.setdefault(int(item["version"]), []).append(item["alias"])
    return aliases


def get_alias(tracking_uri: str, model_name: str, alias: str) -> int | None:
    """The version that carries an alias, or None."""
    version = read_version(tracking_uri, model_name, alias)
    return None if version is None else version.version


def set_alias(tracking_uri: str, model_name: str, alias: str, version: int) -> None:
    """Give an alias to a version; whichever carried it before loses it.

    Raises:
        RegistryError: there is no such version, or MLflow is away.
    """
    with MlflowRest(tracking_uri) as mlflow:
        _write_alias(mlflow, model_name, alias, version)


def _write_alias(mlflow: MlflowRest, model_name: str, alias: str, version: int) -> None:
    mlflow.send("registered-models/alias", {"name": model_name, "alias": alias, "version": str(version)})
