"""The environment variables of the stack's processes, as a pure function of the stack.

What ties the parts together (addresses, keys, folders) is set here whatever the caller's environment
says; what tunes them, and where lineage goes, is only a default, so that
``AIRFLOW__CORE__PARALLELISM=8 make up`` works.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from include.local.credentials import SERVER_CALLERS, list_users
from include.local.extras import load_extra
from include.local.home import DEFAULT_HOME, StackHome
from include.local.layout import Stack
from include.local.processes import TOKEN_VARIABLE
from include.servers.ports import HOST
from include.serving.tokens import ROLES, TOKENS, write_entry
from include.settings import PROJECT_ROOT, load_settings

# Inherited values that would lead a part of the stack elsewhere, or make every start slower.
_DROPPED: Final = (
    "AIRFLOW_CONFIG", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
    "MLFLOW_BACKEND_STORE_URI", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PGDATABASE", "PGHOST",
    "PGHOSTADDR", "PGOPTIONS", "PGPASSFILE", "PGPASSWORD", "PGPORT", "PGSERVICE", "PGUSER",
    "ORRERY_SERVER_TOKEN", "ORRERY_SERVER_TOKENS", "ORRERY_SERVER_TOKENS_FILE",
    "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "_MLFLOW_TESTING_TELEMETRY",
)  # fmt: skip

# Airflow 3 and the Astro SDK report to nobody. MLflow's variable also turns off the reports of its pages.
NO_TELEMETRY: Final = {
    "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "False",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}


def base_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what would mislead the stack; no telemetry, no proxy to loopback."""
    kept = {name: value for name, value in inherited.items() if name not in _DROPPED}
    direct = [part for part in kept.get("NO_PROXY", kept.get("no_proxy", "")).split(",") if part]
    no_proxy = ",".join(dict.fromkeys([*direct, HOST, "localhost"]))
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONUNBUFFERED": "1",
        # A process that renames itself must not overwrite its environment, by which it is known.
        "SPT_NOENV": "1",
        # Off, or MLflow starts eight more processes for jobs that nothing here asks for.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **NO_TELEMETRY,
    }


def service_environment(stack: Stack, inherited: Mapping[str, str]) -> dict[str, str]:
    """For every process of the stack: where the others are, and the project's own variables."""
    return {
        "ORRERY_ENVIRONMENT": "development",
        **base_environment(inherited),
        "ORRERY_HOME": str(stack.home.path),
        "ORRERY_WAREHOUSE_URI": stack.uris.warehouse,
        "ORRERY_MLFLOW_URI": stack.uris.mlflow,
        "ORRERY_MODEL_SERVER_URL": stack.uris.model_server,
        "ORRERY_MODEL_FOLDER": str(stack.home.models),
        "ORRERY_LINEAGE_SPOOL": str(stack.home.lineage_spool),
        "ORRERY_SOURCES_DIR": str(find_sources_folder(stack.home, inherited)),
        "ORRERY_DBT_TARGET": str(stack.home.dbt_target),
        TOKEN_VARIABLE: stack.credentials.stack_token,
    }


def find_sources_folder(home: StackHome, inherited: Mapping[str, str]) -> Path:
    """The folder of the sources' files, as a stack in this folder sees it.

    ``ORRERY_SOURCES_DIR`` of the caller, else ``root`` of sources.yml; the folder that the examples' data is written to
    is that of each stack.
    """
    settings = load_settings().sources
    root = PROJECT_ROOT / (inherited.get("ORRERY_SOURCES_DIR") or settings.root)
    return home.sources if settings.local_systems and root == StackHome(DEFAULT_HOME).sources else root


def mlflow_environment(stack: Stack, inherited: Mapping[str, str]) -> dict[str, str]:
    """For the MLflow server: where it keeps runs and artifacts."""
    return {
        **service_environment(stack, inherited),
        "MLFLOW_BACKEND_STORE_URI": stack.uris.mlflow_store,
        "MLFLOW_ARTIFACTS_DESTINATION": str(stack.home.artifacts),
    }


def server_environment(stack: Stack, inherited: Mapping[str, str]) -> dict[str, str]:
    """For the model server: who may ask it, by the hashes of their tokens."""
    tokens = stack.credentials.server_tokens
    entries = [write_entry(name, ROLES[role], tokens[name]) for name, role in SERVER_CALLERS.items()]
    return {**service_environment(stack, inherited), TOKENS: " ".join(entries)}


def airflow_environment(stack: Stack, inherited: Mapping[str, str], *, cores: int) -> dict[str, str]:
    """For Airflow's processes and its tasks.

    Args:
        inherited: the caller's environment.
        cores: processors of this machine; sets how many tasks run at once.
    """
    return {
        **tuning_defaults(cores),
        **service_environment(stack, inherited),
        **core_settings(stack),
        **connection_variables(stack),
    }


def tuning_defaults(cores: int) -> dict[str, str]:
    """What suits a small machine, and lineage to the spool; the caller's environment may say otherwise."""
    return {
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": str(max(3, cores + 1)),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "50",
        # Airflow's own limits, 30 and 50 seconds, are too short for the Astro SDK's imports on a busy machine.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "150",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        # A worker that misses the end of its task by a moment looks again after this many seconds; without it, 5.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        # At its import it says two hundred times which functions it does not document.
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # Another receiver is put beside the spool, see docs/guides/engineer.md.
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "include.governance.transport.SpoolTransport"}),
        # By default each report of a task forks its process, which then learns anew what the last one did.
        "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",
        "NO_COLOR": "1",
        # Python 3.12 miscounts the threads of a process whose title has a blank, as Airflow's have, and
        # would warn in the log of every task.
        "PYTHONWARNINGS": "ignore:This process:DeprecationWarning",
    }


def core_settings(stack: Stack) -> dict[str, str]:
    """Airflow's folders, database, executor, users, address and keys, and what the Astro SDK needs."""
    url, credentials = stack.uris.airflow, stack.credentials
    return {
        "AIRFLOW_HOME": str(stack.home.airflow),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": stack.uris.airflow_metadata,
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": credentials.fernet_key,
        "AIRFLOW__CORE__ENABLE_XCOM_PICKLING": "False",
        "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "airflow.* astro.*",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{user}:{role}" for user, role in list_users(load_settings().models.values()).items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(stack.home.passwords_file),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(stack.home.airflow / "logs"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(stack.ports["airflow"]),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": credentials.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": credentials.jwt_secret,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "orrery",
    }


def connection_variables(stack: Stack) -> dict[str, str]:
    """The project's Airflow connections, and those of the sources' systems, in Airflow's JSON form."""
    connections = {
        "WAREHOUSE": {
            "conn_type": "postgres", "host": HOST, "port": stack.ports["postgres"], "schema": "warehouse",
            "login": "postgres", "password": stack.credentials.postgres_password,
        },
        "MLFLOW": {"conn_type": "http", "host": HOST, "port": stack.ports["mlflow"], "schema": "http"},
        "MODEL_SERVER": {
            "conn_type": "http", "host": HOST, "port": stack.ports["model-server"], "schema": "http",
            "password": stack.credentials.server_tokens["airflow"],
        },
    }  # fmt: skip
    extra = load_extra()
    more = extra.list_connections(stack) if extra else {}
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(content) for name, content in {**connections, **more}.items()}
