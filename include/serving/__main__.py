"""``python -m include.serving --host 127.0.0.1 --port 8600``: one process, one event loop, every declared model.

A model whose file is wrong is not served; the log says why, and the others are. A model's file that is added or removed
counts without a restart (``declared_models``).

Environment: ``ORRERY_WAREHOUSE_URI`` and ``ORRERY_MLFLOW_URI`` (required), ``ORRERY_MODEL_FOLDER`` (a temporary
folder), ``ORRERY_LINEAGE_SPOOL`` (a folder in it), ``ORRERY_CONFIG_DIR``, ``ORRERY_ENVIRONMENT``; and who may ask:
``ORRERY_SERVER_TOKENS``, or ``ORRERY_SERVER_TOKENS_FILE``, which is read again when it changes. Without either the
server starts with ``--open`` only, at an address of this machine alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import uvicorn

from include.errors import ServingError, SettingsError
from include.governance.spool import Spool
from include.serving.alias_watch import make_stray_finder
from include.serving.app import create_app
from include.serving.declared_models import DeclaredModels
from include.serving.lineage import report_serving
from include.serving.loader import make_registry_loader
from include.serving.server import ModelServer
from include.serving.tokens import choose_rules
from include.settings import CONFIG_DIR, load_settings


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m include.serving", description="Orrery's model server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--open", action="store_true", help="ask for no tokens; only at an address of this machine")
    arguments = parser.parse_args()
    uri, tracking_uri, settings = _require("ORRERY_WAREHOUSE_URI"), _require("ORRERY_MLFLOW_URI"), load_settings()
    hosts = frozenset(settings.server.allowed_hosts)
    read_rules = choose_rules(os.environ, hosts, arguments.host, is_open=arguments.open)
    folder = Path(os.environ.get("ORRERY_MODEL_FOLDER") or tempfile.mkdtemp(prefix="orrery-models-"))
    spool = Spool(Path(os.environ.get("ORRERY_LINEAGE_SPOOL", folder / "lineage-spool")))
    declared = DeclaredModels(Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR)))
    server = ModelServer(
        uri,
        declared.read(),
        make_registry_loader(uri, tracking_uri, folder),
        settings.server,
        on_first_log=partial(report_serving, spool, uri, settings.lineage),
        read_names=declared.read,
        find_stray=make_stray_finder(uri, tracking_uri),
    )
    app = create_app(server, read_rules)
    uvicorn.run(app, host=arguments.host, port=arguments.port, access_log=False, proxy_headers=False)


def _require(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ServingError(f"Environment variable {name} is not set. Set it to the service's address.")
    return value


if __name__ == "__main__":
    try:
        main()
    except (ServingError, SettingsError) as error:
        sys.exit(str(error))
