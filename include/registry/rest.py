"""MLflow's REST API over httpx: small, quick to import, and gone within seconds when MLflow is.

Credentials, where the server asks for them, are those of the MLflow client itself: the environment
variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

from include.errors import RegistryError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 3.0
_API: Final = "/api/2.0/mlflow/"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts/"


class MlflowRest:
    """One connection to an MLflow server; use it as a context manager."""

    def __init__(self, tracking_uri: str) -> None:
        import httpx

        self.tracking_uri = tracking_uri.rstrip("/")
        self._client = httpx.Client(
            base_url=self.tracking_uri,
            timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            auth=_basic_auth(),
            headers=_token_header(),
            transport=httpx.HTTPTransport(retries=1),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def check_health(self) -> None:
        """RegistryError unless the server answers."""
        self._send("GET", "/health")

    def get(self, endpoint: str, parameters: Mapping[str, str | int]) -> dict[str, Any]:
        """The answer of a query such as ``model-versions/search``."""
        return dict(self._send("GET", _API + endpoint, params=parameters).json())

    def find(self, endpoint: str, parameters: Mapping[str, str | int]) -> dict[str, Any] | None:
        """Like :meth:`get`, but None for what does not exist."""
        try:
            return self.get(endpoint, parameters)
        except _NotFoundError:
            return None

    def send(self, endpoint: str, content: Mapping[str, Any], method: str = "POST") -> dict[str, Any]:
        """The answer of a change such as ``model-versions/create``."""
        return dict(self._send(method, _API + endpoint, json=content).json())

    def download(self, artifact_uri: str, path: str) -> bytes:
        """One artifact that the server itself hands out.

        Raises:
            RegistryError: there is none, or the server does not hand out artifacts.
        """
        root = _find_path(artifact_uri, self.tracking_uri)
        return bytes(self._send("GET", _ARTIFACTS + quote(f"{root}/{path}")).content)

    def list_artifacts(self, artifact_uri: str) -> list[str]:
        """The paths of all artifacts below an address, as the server names them.

        Raises:
            RegistryError: the server does not hand out artifacts.
        """
        root = _find_path(artifact_uri, self.tracking_uri)
        found: list[str] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            answer = self._send("GET", _ARTIFACTS.rstrip("/"), params={"path": f"{root}/{folder}".rstrip("/")})
            for entry in answer.json().get("files", []):
                path = f"{folder}/{entry['path']}".lstrip("/")
                (folders if entry["is_dir"] else found).append(path)
        return sorted(found)

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        with explain_outage(self.tracking_uri):
            response = self._client.request(method, path, **arguments)
        if response.is_success:
            return response
        code, message = _read_problem(response)
        kind = _NotFoundError if code == "RESOURCE_DOES_NOT_EXIST" or "not found" in message else RegistryError
        raise kind(
            f"MLflow at {self.tracking_uri} refused {method} {path} ({response.status_code}): {message}. "
            "Its log says more; while the server starts, the task is tried again."
        )


def _find_path(artifact_uri: str, tracking_uri: str) -> str:
    parts = urlsplit(artifact_uri)
    if parts.scheme != "mlflow-artifacts":
        raise RegistryError(
            f"The artifacts of this version are at {artifact_uri}, which the MLflow server at "
            f"{tracking_uri} does not hand out. Start it with --serve-artifacts and register again."
        )
    return parts.path.strip("/")


class _NotFoundError(RegistryError):
    """What was asked for does not exist."""


@contextmanager
def explain_outage(tracking_uri: str) -> Iterator[None]:
    """Turn a failed connection into a RegistryError that says what to do."""
    import httpx

    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise RegistryError(describe_outage(tracking_uri, error)) from error


def describe_outage(tracking_uri: str, error: Exception) -> str:
    """What is said when MLflow does not answer."""
    reason = str(error) or type(error).__name__
    return (
        f"MLflow at {tracking_uri} is away ({reason}). A task is tried again, with pauses; check that the server "
        "is up (make status) and that the connection 'mlflow' is right, and clear the failed task."
    )


def _read_problem(response: httpx.Response) -> tuple[str, str]:
    """The error code and message of a refusal."""
    try:
        body = response.json()
    except ValueError:
        return "", response.text[:200] or response.reason_phrase
    if not isinstance(body, dict):
        return "", str(body)[:200]
    return str(body.get("error_code", "")), str(body.get("message", body))


def _basic_auth() -> tuple[str, str] | None:
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    return (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None


def _token_header() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}
