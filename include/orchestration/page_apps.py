"""Pages as applications that Airflow's API server mounts.

Every Airflow process reads the plugins, and only the API server answers requests: FastAPI, Jinja and the pages are
imported by the first request for one.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any
from urllib.parse import urlsplit


class PageApp:
    """An ASGI application that makes the real one when it is first asked for a page."""

    def __init__(self, routes: str) -> None:
        """``routes`` is the module whose ``make_app`` makes the application."""
        self._routes = routes
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        await self._find_app()(scope, receive, send)

    def _find_app(self) -> Any:
        with self._lock:
            if self._app is None:
                self._app = importlib.import_module(self._routes).make_app()
        return self._app


def page_view(name: str, root: str, base_url: str | None) -> dict[str, Any]:
    """The entry of Airflow's navigation that opens pages inside of its UI.

    Airflow shows a view of destination ``dag`` or ``task`` on every DAG, so there is none: the task ``audit`` has a
    button of its own (:mod:`include.orchestration.quality_link`).
    """
    return {
        "name": name,
        "href": f"{urlsplit(base_url or '').path.rstrip('/')}{root}/",
        "destination": "nav",
        "category": "browse",
        "url_route": root.removeprefix("/"),
    }
