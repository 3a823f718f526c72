"""The routes and the models as one plain page: no script, nothing from another host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from include.serving.schemas import ModelStatus, ServerStatus

_EXAMPLES: Final[Mapping[str, Any]] = {
    "integer": 7, "text": "a", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e", "date": "2026-01-31",
    "numeric": 1.5, "boolean": True, "categorical": "a",
}  # fmt: skip


def render_docs(document: Mapping[str, Any], status: ServerStatus) -> str:
    """The page, from the OpenAPI document and the models of this moment."""
    routes = "".join(_render_routes(document["paths"]))
    models = "".join(_render_model(model) for model in status.models) or "<p>No model is declared.</p>"
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f"<h1>{title}</h1><p>{escape(document['info']['description'])} "
        '<a href="/openapi.json">openapi.json</a> · <a href="/models">models</a> · <a href="/metrics">metrics</a></p>'
        f"<h2>Routes</h2><dl>{routes}</dl><h2>Models</h2>{models}</body></html>"
    )


def _render_routes(paths: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for path, methods in paths.items():
        for method, route in methods.items():
            parameters = ", ".join(item["name"] for item in route.get("parameters", ()) if item["in"] == "header")
            headers = f" Headers: {parameters}." if parameters else ""
            refusals = "; ".join(
                f"{code}: {response['description']}"
                for code, response in route["responses"].items()
                if code not in ("200", "422") or "key or feature" in response["description"]
            )
            answers = f"<br>{escape(refusals)}" if refusals else ""
            yield (
                f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
                f"<dd>{escape(route.get('description', ''))}{escape(headers)}{answers}</dd>"
            )


def _render_model(model: ModelStatus) -> str:
    heading = f"<h3>{escape(model.name)}</h3><p>{escape(model.task or '')} {escape(model.reason)}</p>"
    if not model.features:
        return heading
    bodies = (
        {"keys": {key.name: _EXAMPLES[key.type] for key in model.keys}},
        {"features": {feature.name: _EXAMPLES[feature.kind] for feature in model.features}},
    )
    lines = "\n".join(f"POST /models/{model.name}/predict {json.dumps(body)}" for body in bodies)
    return f"{heading}<pre>{escape(lines)}</pre>"
