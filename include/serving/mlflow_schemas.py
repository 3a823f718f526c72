"""What goes out by MLflow's scoring protocol, for the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel


class InvocationRow(BaseModel):
    """The answer to one row; ``probabilities`` of false and true, or of each class."""

    prediction: bool | str | float
    probabilities: list[float] | None = None


class InvocationAnswer(BaseModel):
    """The answers in the order of the rows."""

    predictions: list[InvocationRow]


class MlflowRefusal(BaseModel):
    """Why there is no answer."""

    error_code: str
    message: str


class MlflowEndpoint(BaseModel):
    """One model as MLflow's deployments client reads it."""

    name: str
    endpoint_type: str
    model: dict[str, str]
    endpoint_url: str
    limit: None


class MlflowEndpoints(BaseModel):
    """Every model as MLflow's deployments client lists them."""

    endpoints: list[MlflowEndpoint]
