"""What goes out by the Open Inference Protocol, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class InferenceServerLive(BaseModel):
    """The process is alive."""

    live: bool


class InferenceServerReady(BaseModel):
    """Whether the server is ready."""

    ready: bool


class InferenceServer(BaseModel):
    """The server's metadata."""

    name: str
    version: str
    extensions: list[str]


class InferenceModelReady(BaseModel):
    """Whether a model, or a version of it, is ready; ``error`` says why not."""

    name: str
    ready: bool
    error: str | None = None


class InferenceTensor(BaseModel):
    """An input or output: -1 stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class InferenceModel(BaseModel):
    """A model's metadata; ``parameters`` has the inputs that may stand instead, and the classes."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[InferenceTensor]
    outputs: list[InferenceTensor]
    parameters: dict[str, Any]


class InferenceOutput(InferenceTensor):
    """One tensor of an answer; in binary form its data follow the JSON."""

    data: list[bool | str | float]


class InferenceAnswer(BaseModel):
    """The answers in the order of the rows; no ``model_version`` where several versions have answered."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str | None = None
    id: str
    outputs: list[InferenceOutput]


class InferenceRefusal(BaseModel):
    """Why there is no answer."""

    error: str
