"""The parts of the stack as data: what runs, with what, after what, and how to tell that it works."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from include.local.credentials import write_private
from include.local.environment import (
    airflow_environment,
    base_environment,
    mlflow_environment,
    server_environment,
    service_environment,
)
from include.local.extras import load_extra
from include.local.home import StackHome
from include.local.layout import Stack
from include.servers.ports import HOST

PREFERRED_PORTS: Final = {"postgres": 15432, "mlflow": 15000, "model-server": 18080, "airflow": 18081}
POSTGRES: Final = "postgres"
SCHEDULER: Final = "airflow-scheduler"

# Airflow's services and every task import the same modules, which costs seconds of processor time each.
# They are forked from the keeper, which has imported them once. Only libraries stand here: the project's
# own modules are read by each task anew, so that an edit is seen by the next run.
AIRFLOW_MODULES: Final = (
    "airflow.cli.cli_parser", "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command", "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command", "airflow.dag_processing.manager",
    "airflow.jobs.dag_processor_job_runner", "airflow.jobs.scheduler_job_runner", "airflow.jobs.triggerer_job_runner",
    "airflow.api_fastapi.execution_api.app", "airflow.executors.local_executor",
    "airflow.providers.openlineage.plugins.adapter", "airflow.providers.openlineage.plugins.listener",
    "airflow.providers.openlineage.plugins.openlineage", "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.hitl",
)  # fmt: skip
TASK_MODULES: Final = (
    "adbc_driver_postgresql.dbapi", "cosmos.converter", "cosmos.operators.watcher", "cosmos.profiles",
    "dbt.adapters.postgres", "dbt.cli.main", "great_expectations.expectations", "httpcore", "httpx",
    "matplotlib.figure", "mlflow", "pandas", "psycopg", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet",
    "scipy.stats", "skl2onnx", "sklearn.calibration", "sklearn.ensemble", "sklearn.feature_selection",
    "sklearn.linear_model", "sqlglot.lineage", "sqlglot.optimizer.qualify",
)  # fmt: skip


@dataclass(frozen=True)
class Component:
    """One process of the stack.

    Attributes:
        command: ``python -m module arguments…`` for a component that is forked.
        urls: it is healthy when each of them answers; with none, when it has lived for a second.
        heartbeat: its name in Airflow's health report, at the first of ``urls``, and the report says healthy.
        address: where people reach it; empty when they do not.
        needs: jobs that must be done before it starts.
        preload: modules to import before it is forked; without any it is a program of its own.
        is_job: runs to its end; a failure stops the start.
        owner: user and group id that it runs as, when not the caller's.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    urls: Sequence[str] = ()
    heartbeat: str = ""
    address: str = ""
    needs: Sequence[str] = ()
    preload: Sequence[str] = ()
    is_job: bool = False
    owner: Sequence[int] | None = None


def save_plan(home: StackHome, components: Sequence[Component]) -> None:
    """Write down what is started: for the keeper, and for the commands that come later."""
    write_private(home.plan_file, [asdict(component) for component in components])


def load_plan(home: StackHome) -> list[Component]:
    """The components of the last start; none if there was none."""
    if not home.plan_file.exists():
        return []
    return [Component(**item) for item in json.loads(home.plan_file.read_text(encoding="utf-8"))]


def prefer_ports() -> dict[str, int]:
    """The ports that a new stack takes where they are free, by component; the sources' systems have theirs."""
    extra = load_extra()
    return {**PREFERRED_PORTS, **(extra.PORTS if extra else {})}


def can_fork() -> bool:
    """Whether a process may be forked after imports: on macOS the system's own libraries do not survive it."""
    return sys.platform == "linux"


def build_components(stack: Stack, inherited: Mapping[str, str], *, cores: int) -> list[Component]:
    """All processes of the stack, in the order in which they start.

    Args:
        inherited: the caller's environment.
        cores: processors of this machine.
    """
    airflow = airflow_environment(stack, inherited, cores=cores)
    extra = load_extra()
    systems = extra.build_components(stack, service_environment(stack, inherited)) if extra else []
    return [*build_services(stack, inherited), *systems, *build_airflow(stack, airflow)]


def build_services(stack: Stack, inherited: Mapping[str, str]) -> list[Component]:
    """PostgreSQL, the jobs that fill it and build dbt's manifest, MLflow, the model server, the lineage shipper."""
    environment, uris = service_environment(stack, inherited), stack.uris
    postgres = Component(
        POSTGRES, stack.server.command, base_environment(inherited), (stack.server.uri(),),
        address=stack.addresses["Warehouse"], owner=stack.server.owner,
    )  # fmt: skip
    return [
        postgres,
        Component("databases", run_module("include.local.databases", "prepare"), environment, is_job=True),
        Component("manifest", run_module("include.features.manifest"), environment, is_job=True),
        Component(
            "mlflow", run_module("include.servers.mlflow_server", *_listen(stack, "mlflow")),
            mlflow_environment(stack, inherited), (f"{uris.mlflow}/health",),
            address=stack.addresses["MLflow"], needs=("databases",),
        ),
        Component(
            "model-server", run_module("include.serving", *_listen(stack, "model-server")),
            server_environment(stack, inherited), (f"{uris.model_server}/healthz",),
            address=uris.model_server, needs=("databases",),
        ),
        Component("lineage-shipper", run_module("include.governance.shipper"), environment, needs=("databases",)),
    ]  # fmt: skip


def build_airflow(stack: Stack, environment: Mapping[str, str]) -> list[Component]:
    """Airflow's migration, then its four services."""
    url, preload = stack.uris.airflow, AIRFLOW_MODULES if can_fork() else ()
    report = f"{url}/api/v2/monitor/health"

    def serve(name: str, *options: str, needs: tuple[str, ...] = (), tasks: tuple[str, ...] = ()) -> Component:
        return Component(
            f"airflow-{name}", run_module("airflow", name, *options), environment, (report,), name.replace("-", "_"),
            needs=("airflow-migration", *needs), preload=(*preload, *tasks) if preload else (),
        )  # fmt: skip

    return [
        Component(
            "airflow-migration", run_module("include.local.databases", "migrate-airflow"), environment,
            needs=("databases",), preload=preload, is_job=True,
        ),
        Component(
            # The second address is the one that tasks talk to; Airflow builds it at the first request, for seconds.
            "airflow-api", run_module("airflow", "api-server"), environment,
            (f"{url}/api/v2/version", f"{url}/execution/health"), address=url, needs=("airflow-migration",),
            preload=preload,
        ),
        serve("dag-processor", needs=("manifest",)),
        # Logs of tasks and triggers are read from disk: no log servers, which would listen on all interfaces.
        serve("triggerer", "--skip-serve-logs"),
        serve("scheduler", "--skip-serve-logs", tasks=TASK_MODULES),
    ]  # fmt: skip


def run_module(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of a module."""
    return (sys.executable, "-m", module, *arguments)


def _listen(stack: Stack, name: str) -> tuple[str, ...]:
    return ("--host", HOST, "--port", str(stack.ports[name]))
