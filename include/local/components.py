"""The parts of the stack as data: what runs, with what, after what, and how to tell that it works."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.local.environment import airflow_environment, mlflow_environment, service_environment
from include.local.health import HealthCheck, answers_at, beats_in_airflow, has_settled
from include.local.ports import HOST

if TYPE_CHECKING:
    from include.local.stack import Stack

PREFERRED_PORTS: Final = {"postgres": 15432, "mlflow": 15000, "model-server": 18080, "airflow": 18081}

# Four Airflow processes and every task import the same modules, which costs seconds of processor time
# each. They are forked from one process that has imported them once. Only libraries stand here: the
# project's own modules are read by each task anew, so that an edit is seen by the next run.
AIRFLOW_MODULES: Final = (
    "airflow.cli.cli_parser",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.dag_processing.manager",
    "airflow.jobs.dag_processor_job_runner",
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.api_fastapi.execution_api.app",
    "airflow.executors.local_executor",
    "airflow.providers.openlineage.plugins.adapter",
    "airflow.providers.openlineage.plugins.listener",
    "airflow.providers.openlineage.plugins.openlineage",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.hitl",
)
TASK_MODULES: Final = (
    "adbc_driver_postgresql.dbapi", "cosmos.converter", "cosmos.operators.watcher", "cosmos.profiles",
    "dbt.adapters.postgres", "dbt.cli.main", "great_expectations.expectations", "httpx", "matplotlib.figure",
    "mlflow", "pandas", "psycopg", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "scipy.stats", "skl2onnx",
    "sklearn.calibration", "sklearn.ensemble", "sklearn.feature_selection", "sklearn.linear_model",
    "sqlglot.lineage", "sqlglot.optimizer.qualify",
)  # fmt: skip


@dataclass(frozen=True)
class Component:
    """One process of the stack: ``python -m module arguments…``.

    Attributes:
        check: asked again and again after the start until it says yes.
        address: where people reach it; empty when they do not.
        needs: components that must be healthy before this one starts.
        is_preforked: started by forking (where the system allows it), after ``preload`` was imported.
        is_job: runs to its end; it is done, not healthy, and a failure stops the start.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    check: HealthCheck = has_settled
    address: str = ""
    needs: tuple[str, ...] = ()
    is_preforked: bool = False
    preload: tuple[str, ...] = ()
    is_job: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """What is run when it is not forked."""
        return (sys.executable, "-m", self.module, *self.arguments)


def build_components(
    stack: Stack, inherited: Mapping[str, str], *, is_airflow_new: bool, cores: int
) -> list[Component]:
    """All processes of the stack besides PostgreSQL, in the order in which they start.

    Args:
        inherited: the caller's environment.
        is_airflow_new: Airflow's tables are absent or of another version and must be migrated first.
        cores: processors of this machine.
    """
    airflow = airflow_environment(stack, inherited, cores=cores)
    return [*build_services(stack, inherited), *build_airflow(stack.uris.airflow, airflow, is_new=is_airflow_new)]


def build_services(stack: Stack, inherited: Mapping[str, str]) -> list[Component]:
    """MLflow, the model server, and the shipper of lineage events."""
    environment = service_environment(stack, inherited)
    mlflow, server = stack.ports["mlflow"], stack.ports["model-server"]
    return [
        Component(
            "mlflow", "include.local.mlflow_server", ("--host", HOST, "--port", str(mlflow)),
            mlflow_environment(stack, inherited), answers_at(f"{stack.uris.mlflow}/health"), stack.uris.mlflow,
        ),
        Component(
            "model-server", "include.serving", ("--host", HOST, "--port", str(server)),
            environment, answers_at(f"{stack.uris.model_server}/healthz"), stack.uris.model_server,
        ),
        Component("lineage-shipper", "include.governance.shipper", (), environment),
    ]  # fmt: skip


def build_airflow(url: str, environment: Mapping[str, str], *, is_new: bool) -> list[Component]:
    """Airflow's migration if it is due, then its four services.

    Args:
        url: where the API server listens.
    """

    def airflow(name: str, *arguments: str, check: HealthCheck, preload: tuple[str, ...] = ()) -> Component:
        return Component(
            name, "airflow", arguments, environment, check, url if name == "airflow-api" else "",
            needs=("airflow-migration",) if is_new else (),
            is_preforked=True, preload=(*AIRFLOW_MODULES, *preload),
        )  # fmt: skip

    migration = Component(
        "airflow-migration", "airflow", ("db", "migrate"), environment,
        is_preforked=True, preload=AIRFLOW_MODULES, is_job=True,
    )  # fmt: skip
    return [
        *([migration] if is_new else []),
        # The second address is the one that tasks talk to; Airflow builds it at the first request, for seconds.
        airflow("airflow-api", "api-server", check=answers_at(f"{url}/api/v2/version", f"{url}/execution/health")),
        airflow("airflow-dag-processor", "dag-processor", check=beats_in_airflow(url, "dag_processor")),
        # Logs of tasks and triggers are read from disk: no log servers, which would listen on all interfaces.
        airflow("airflow-triggerer", "triggerer", "--skip-serve-logs", check=beats_in_airflow(url, "triggerer")),
        airflow(
            "airflow-scheduler", "scheduler", "--skip-serve-logs",
            check=beats_in_airflow(url, "scheduler"), preload=TASK_MODULES,
        ),
    ]  # fmt: skip
