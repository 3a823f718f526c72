"""The routes and the models as one plain page: no script, nothing from another host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from include.serving.schemas import ModelStatus, ServerStatus


def render_docs(document: Mapping[str, Any], status: ServerStatus) -> str:
    """The page, from the OpenAPI document and the models of this moment."""
    shared = {path: methods for path, methods in document["paths"].items() if not _find_model(methods)}
    models = "".join(_render_model(model, document["paths"]) for model in status.models)
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
        f"<h1>{title}</h1><p>{escape(document['info']['description'])} "
        '<a href="/openapi.json">openapi.json</a> · <a href="/models">models</a> · <a href="/metrics">metrics</a></p>'
        f"<h2>Routes</h2><dl>{''.join(_render_routes(shared))}</dl>"
        f"<h2>Models</h2>{models or '<p>No model is declared.</p>'}</body></html>"
    )


def _find_model(methods: Mapping[str, Any]) -> str | None:
    """The model that a path is of alone."""
    tags = [tag for route in methods.values() for tag in route.get("tags", ())]
    return tags[0] if tags else None


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


def _render_model(model: ModelStatus, paths: Mapping[str, Mapping[str, Any]]) -> str:
    heading = f"<h3>{escape(model.name)}</h3><p>{escape(model.task or '')} {escape(model.reason)}</p>"
    own = {path: methods["post"] for path, methods in paths.items() if _find_model(methods) == model.name}
    if not own:
        return heading
    fields = [*((key.name, key.type) for key in model.keys), *((item.name, item.kind) for item in model.features)]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(kind)}</td></tr>" for name, kind in fields)
    lines = "\n".join(
        f"POST {path} {json.dumps(example['value'])}"
        for path, route in own.items()
        for example in route["requestBody"]["content"]["application/json"]["examples"].values()
    )
    return f"{heading}<table><tr><th>key or feature</th><th>type</th></tr>{rows}</table><pre>{escape(lines)}</pre>"
