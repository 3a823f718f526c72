"""A small client of Airflow's REST API (v2), with the calls that `make run` and the integration test make.

Answers are Airflow's own JSON: a DAG run has ``dag_run_id``, ``state``, ``run_after``, ``conf``…; a task
instance has ``task_id``, ``map_index``, ``state``, ``try_number``….
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from include.errors import StackError

if TYPE_CHECKING:
    import httpx

FINAL_STATES: Final = frozenset({"success", "failed"})
_PAGE: Final = 100
_POLL_S: Final = 0.3


class AirflowApi:
    """One user's access to Airflow.

    Args:
        url: Airflow's base address.

    Every call raises StackError when Airflow is away or refuses; the message carries its answer.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        import httpx

        self.url = url
        self.user = user
        self._password = password
        # Loopback is never behind a proxy, whatever the environment says.
        self._client = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    def trigger_run(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> dict[str, Any]:
        """Start a run by hand; returns it."""
        body = {"conf": dict(conf or {}), "logical_date": None, "dag_run_id": run_id}
        return self._call("POST", f"dags/{dag_id}/dagRuns", json=body)

    def list_runs(self, dag_id: str = "~") -> list[dict[str, Any]]:
        """The runs of a DAG (of all DAGs for ``~``), oldest first."""
        return self._list(f"dags/{dag_id}/dagRuns", "dag_runs", {"order_by": "run_after"})

    def wait_for_run(self, dag_id: str, run_id: str, timeout_s: float = 600.0) -> dict[str, Any]:
        """Wait until a run has succeeded or failed; returns it.

        Raises:
            StackError: it has not ended after ``timeout_s`` seconds; the message names its open tasks.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            run = self._call("GET", f"dags/{dag_id}/dagRuns/{run_id}")
            if run["state"] in FINAL_STATES:
                return run
            if time.monotonic() > deadline:
                tasks = self.list_task_instances(dag_id, run_id)
                states = ", ".join(f"{task['task_id']} {task['state']}" for task in tasks)
                raise StackError(f"Run {run_id} of {dag_id} is {run['state']} after {timeout_s:.0f} s: {states}.")
            time.sleep(_POLL_S)

    def list_task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones each on their own."""
        return self._list(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances", {})

    def read_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """The log of one try of a task instance, as plain lines."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self._call("GET", path, params={"map_index": map_index, "full_content": "true"})
        content = answer["content"]
        return content if isinstance(content, str) else "\n".join(format_log_line(line) for line in content)

    def read_xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """A value that a task has returned or pushed."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._call("GET", path, params={"map_index": map_index, "deserialize": "false"})["value"]

    def find_waiting_approval(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
        """What waits for a person at one task of a run, if it does: ``subject``, ``options``, ``task_instance``…."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/hitlDetails"
        waiting = self._list(path, "hitl_details", {"response_received": "false"})
        return next((item for item in waiting if item["task_instance"]["task_id"] == task_id), None)

    def answer_approval(self, dag_id: str, run_id: str, task_id: str, chosen: str = "Approve") -> dict[str, Any]:
        """Answer what waits for a person, as this client's user."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        return self._call("PATCH", path, json={"chosen_options": [chosen], "params_input": {}})

    def list_dags(self) -> list[dict[str, Any]]:
        """All DAGs that Airflow has read: ``dag_id``, ``is_paused``…."""
        return self._list("dags", "dags", {"exclude_stale": "true"})

    def wait_for_dags(self, dag_ids: Collection[str], quiet_s: float = 300.0) -> None:
        """Wait until Airflow has read all of these DAGs, for as long as it makes progress.

        A file that cannot be imported is tried again by Airflow, and may recover.

        Raises:
            StackError: one is absent, and neither the DAGs nor the import errors have changed for ``quiet_s``
                seconds; the message names both.
        """
        seen: object = None
        changed_at = time.monotonic()
        while absent := set(dag_ids) - (known := {dag["dag_id"] for dag in self.list_dags()}):
            errors = {item["filename"]: item["stack_trace"] for item in self.list_import_errors()}
            if (known, errors) != seen:
                seen, changed_at = (known, errors), time.monotonic()
            elif time.monotonic() - changed_at >= quiet_s:
                reasons = "".join(f"\n{name} cannot be imported:\n{trace}" for name, trace in errors.items())
                raise StackError(
                    f"Airflow has not read {', '.join(sorted(absent))}, and nothing has changed for {quiet_s:.0f} s. "
                    f"See: make logs ARGS=airflow-dag-processor{reasons}"
                )
            time.sleep(_POLL_S)

    def set_paused(self, dag_id: str, *, is_paused: bool) -> None:
        """Pause a DAG or let it run."""
        self._call("PATCH", f"dags/{dag_id}", json={"is_paused": is_paused})

    def list_import_errors(self) -> list[dict[str, Any]]:
        """DAG files that Airflow could not read: ``filename``, ``stack_trace``…."""
        return self._list("importErrors", "import_errors", {})

    def read_health(self) -> dict[str, Any]:
        """Airflow's own report on its parts."""
        return self._call("GET", "monitor/health")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _list(self, path: str, key: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", path, params={**parameters, "limit": _PAGE, "offset": len(found)})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        if "Authorization" not in self._client.headers:
            self._log_in()
        response = self._send(method, f"/api/v2/{path}", **request)
        if response.status_code == 401:
            self._log_in()
            response = self._send(method, f"/api/v2/{path}", **request)
        if response.is_error:
            raise StackError(
                f"Airflow refused {method} {path} for {self.user} "
                f"(status {response.status_code}): {response.text[:1000]}"
            )
        answer: dict[str, Any] = response.json()
        return answer

    def _log_in(self) -> None:
        response = self._send("POST", "/auth/token", json={"username": self.user, "password": self._password})
        if response.is_error:
            raise StackError(
                f"Airflow at {self.url} does not let {self.user} in (status {response.status_code}): "
                f"{response.text[:300]}"
            )
        self._client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        import httpx

        try:
            return self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise StackError(
                f"Airflow at {self.url} does not answer: {error!r}. Check that it is up: make status"
            ) from error


def format_log_line(line: Mapping[str, Any] | str) -> str:
    """One entry of a structured log as text."""
    if isinstance(line, str):
        return line
    text = f"{line.get('timestamp') or ''} {line.get('level') or ''} {line.get('event', '')}".strip()
    details = line.get("error_detail")
    return f"{text}\n{format_error(details)}" if details else text


def format_error(details: list[Mapping[str, Any]]) -> str:
    """The exceptions that a structured log carries, outermost last."""
    lines = []
    for item in details:
        lines += [f"  {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in item.get("frames") or []]
        lines.append(f"  {item.get('exc_type')}: {item.get('exc_value')}")
    return "\n".join(lines)
