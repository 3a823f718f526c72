"""The pages of quality as an application that Airflow's API server mounts.

Every Airflow process reads the plugins, and only the API server answers requests: FastAPI, Jinja and the pages are
imported by the first request for one.
"""

from __future__ import annotations

import threading
from typing import Any

from include.quality.page_paths import find_root


class QualityApp:
    """An ASGI application that makes the real one when it is first asked for a page."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        await self._find_app()(scope, receive, send)

    def _find_app(self) -> Any:
        with self._lock:
            if self._app is None:
                from include.orchestration.quality_routes import make_app

                self._app = make_app()
        return self._app


def quality_view(base_url: str | None) -> dict[str, Any]:
    """The entry of Airflow's navigation that opens the pages inside of its UI.

    Airflow shows a view of destination ``dag`` or ``task`` on every DAG, so there is none: the task ``audit`` has a
    button of its own (:mod:`include.orchestration.quality_link`).
    """
    return {
        "name": "Quality",
        "href": f"{find_root(base_url)}/",
        "destination": "nav",
        "category": "browse",
        "url_route": "quality",
    }
