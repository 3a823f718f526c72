"""``python -m include.servers.mlflow_server --host 127.0.0.1 --port 15000``: MLflow in one process.

``mlflow server`` is one process that imports all of MLflow and then starts another that does the same.
This is the second one alone: half the processor time and 300 MB less memory. The names under which the
first hands its options to the second are MLflow's own constants.

Environment: ``MLFLOW_BACKEND_STORE_URI``, ``MLFLOW_ARTIFACTS_DESTINATION`` (both required).
"""

from __future__ import annotations

import argparse
import os

import uvicorn

ARTIFACT_ROOT = "mlflow-artifacts:/"


def main() -> None:
    """Bring the store's tables up to date, then serve runs, models and artifacts until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m include.servers.mlflow_server", description="MLflow, one process.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=15000)
    options = parser.parse_args()
    store_uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    from mlflow.server import constants

    os.environ.update(
        {
            constants.BACKEND_STORE_URI_ENV_VAR: store_uri,
            constants.REGISTRY_STORE_URI_ENV_VAR: store_uri,
            constants.ARTIFACT_ROOT_ENV_VAR: ARTIFACT_ROOT,
            constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["MLFLOW_ARTIFACTS_DESTINATION"],
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
    )
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(store_uri, store_uri, ARTIFACT_ROOT)
    uvicorn.run("mlflow.server.fastapi_app:app", host=options.host, port=options.port, access_log=False)


if __name__ == "__main__":
    main()
