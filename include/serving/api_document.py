"""The OpenAPI document: the routes, and for each declared model routes of its own with what its champion takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from include.registry.contract import ModelContract
from include.serving.engine import ModelEngine
from include.serving.model_schemas import BODIES, describe_fields

Document = dict[str, Any]
Contracts = Mapping[str, tuple[int, ModelContract]]
"""The champion of each model that has one: its version, and what it takes."""


class ApiDocument:
    """The document of this moment, made anew, beside the requests, when another champion answers."""

    def __init__(self, describe_routes: Callable[[], Document], read_champions: Callable[[], Contracts]) -> None:
        """``describe_routes`` gives the document of the routes alone, which stays the same."""
        self._describe_routes = describe_routes
        self._read_champions = read_champions
        self._versions: dict[str, int] | None = None
        self._document: Document = {}
        self._text = b""

    async def read(self) -> Document:
        """The document; not to be changed."""
        await self._refresh()
        return self._document

    async def read_text(self) -> bytes:
        """The document as JSON."""
        await self._refresh()
        return self._text

    async def _refresh(self) -> None:
        contracts = self._read_champions()
        versions = {name: version for name, (version, _) in contracts.items()}
        if versions != self._versions:
            document, text = await asyncio.to_thread(self._make, contracts)
            self._versions, self._document, self._text = versions, document, text

    def _make(self, contracts: Contracts) -> tuple[Document, bytes]:
        document = add_models(self._describe_routes(), contracts)
        return document, json.dumps(document, ensure_ascii=False).encode()


def read_champions(engines: Mapping[str, ModelEngine]) -> Contracts:
    """What the champions of this moment take."""
    champions = {name: engine.store.routing.champion for name, engine in engines.items()}
    return {name: (model.version, model.contract) for name, model in champions.items() if model is not None}


def add_models(document: Mapping[str, Any], contracts: Contracts) -> Document:
    """The document with a path for each model beside each path that takes rows of a model."""
    paths, schemas = dict(document["paths"]), dict(document["components"]["schemas"])
    for name, (_, contract) in contracts.items():
        schemas |= describe_fields(contract)
        for template, describe in BODIES.items():
            operation = document["paths"][template]["post"]
            paths[template.replace("{name}", name)] = {"post": _specialise(operation, name, describe(contract))}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": schemas}}


def _specialise(operation: Mapping[str, Any], name: str, body: Mapping[str, Any]) -> Document:
    """A route's description for one model: the name is in its path, and the body is the model's own."""
    return {
        **operation,
        "tags": [name],
        "operationId": f"{operation['operationId']}_{name}",
        "parameters": [item for item in operation["parameters"] if item["in"] != "path"],
        "requestBody": {"required": True, "content": {"application/json": body}},
    }
