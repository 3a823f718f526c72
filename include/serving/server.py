"""The parts of the model server, put together, started and stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from difflib import SequenceMatcher
from functools import partial
from typing import TYPE_CHECKING, Final

from include.serving.access import AccessRefusal
from include.serving.alias_watch import AliasWatch, FindStray
from include.serving.engine import ModelEngine
from include.serving.error_shapes import find_error_shape
from include.serving.explaining import ExplanationDesk
from include.serving.feature_reader import OnlineStore
from include.serving.inference_log import InferenceLog
from include.serving.loader import Loader
from include.serving.metrics import Gauges, Metrics
from include.serving.model_store import ModelStore
from include.serving.recorder import PredictionRecorder
from include.serving.refusal import RequestRefusedError, describe_invalid, list_names
from include.serving.schemas import ModelStatus, Readiness, ServerReadiness, ServerStatus
from include.serving.shadow import ShadowCopier
from include.serving.status import describe_model, read_gauges
from include.serving.warehouse_pool import WarehousePool
from include.serving.watcher import RolloutWatcher
from include.settings.rollout import ServerSettings
from include.warehouse.names import TableName

if TYPE_CHECKING:
    from fastapi import Request, Response

log = logging.getLogger(__name__)

_FLUSH_AT_END_S: Final = 5.0
_NAMES_MAX: Final = 10

ReportFirstLog = Callable[[str, Sequence[TableName]], None]


class ModelServer:
    """Every declared model, served from one warehouse in one process."""

    def __init__(
        self,
        uri: str,
        model_names: Iterable[str],
        load: Loader,
        settings: ServerSettings,
        on_first_log: ReportFirstLog | None = None,
        read_names: Callable[[], Iterable[str]] | None = None,
        find_stray: FindStray | None = None,
    ) -> None:
        """Serve the models of these names.

        Args:
            on_first_log: called once for each model that answered, with the online tables that it reads.
            read_names: called at every look at the rollouts, on another thread; gives the names that are declared
                then. Without it, the names stay the same.
            find_stray: where MLflow's alias of a champion is instead; without it, nobody looks.
        """
        sizes = {"read": settings.connections_max, "log": 1, "watch": 1, "shadow": 1}
        self._pools = {
            job: WarehousePool(uri, size, settings.database_timeout_s, f"orrery-serving-{job}")
            for job, size in sizes.items()
        }
        self._settings = settings
        self._report_first_log = on_first_log
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._metrics = Metrics(self._read_gauges)
        self._log = InferenceLog(
            self._pools["log"], settings.log_flush_interval_s, settings.log_capacity, self._tell_first_log
        )
        self._load = load
        self._loads = asyncio.Semaphore(settings.loads_at_once)
        self._online = OnlineStore(self._pools["read"], settings.connections_max)
        self._desk = ExplanationDesk(settings.explanations_at_once)
        self._shadow_online = OnlineStore(self._pools["shadow"], 1)
        self._read_names = read_names
        self._names_error = ""
        self.engines = {name: self._make_engine(name) for name in sorted(model_names)}
        self._watcher = RolloutWatcher(self._pools["watch"], self._refresh_stores, settings.poll_interval_s)
        self._aliases = AliasWatch(find_stray or (lambda *_: None), settings.alias_interval_s)

    def _make_engine(self, name: str) -> ModelEngine:
        store = ModelStore(partial(self._load, name), self._loads)
        recorder = PredictionRecorder(name, self._log, self._metrics)
        shadow = ShadowCopier(name, store, self._shadow_online, recorder, self._settings)
        return ModelEngine(name, store, self._online, recorder, self._settings, self._desk, shadow)

    async def _refresh_stores(self) -> Mapping[str, ModelStore]:
        """The stores of the declared models; while the names cannot be read, the last ones stand."""
        if self._read_names is not None:
            try:
                self._set_engines(set(await asyncio.to_thread(self._read_names)))
                self._names_error = ""
            except Exception as error:  # whatever it is, the next look may go well
                message = f"{type(error).__name__}: {error}"
                if message != self._names_error:
                    log.warning("The declared models cannot be read, and those that are served stay: %s", message)
                self._names_error = message
        return {name: engine.store for name, engine in self.engines.items()}

    def _set_engines(self, names: Collection[str]) -> None:
        """Serve these models: others are found no more, and requests that have found theirs are answered by it."""
        if self.engines.keys() == names:
            return
        before = self.engines
        self.engines = {name: before.get(name) or self._make_engine(name) for name in sorted(names)}
        for name in before.keys() - names:
            before[name].close()

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Watch the rollouts and write the log while the block runs; at its end the log is flushed."""
        for pool in self._pools.values():
            await pool.open()
        stop = asyncio.Event()
        watching = [
            asyncio.create_task(self._watcher.run()),
            asyncio.create_task(self._aliases.run(self._read_champions)),
        ]
        writing = asyncio.create_task(self._log.run(stop))
        try:
            yield
        finally:
            stop.set()
            for task in watching:
                task.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(writing, _FLUSH_AT_END_S)
            for engine in self.engines.values():
                engine.close()
            for pool in self._pools.values():
                await pool.close()

    def find_engine(self, model_name: str) -> ModelEngine:
        """The engine of a declared model.

        Raises:
            RequestRefusedError: 404 that names the declared models, the nearest name first.
        """
        engine = self.engines.get(model_name)
        if engine is None:
            asked = model_name[:60]
            nearest = sorted(self.engines, key=lambda name: -SequenceMatcher(None, asked, name).ratio())
            declared = list_names(nearest, _NAMES_MAX) or "none"
            raise RequestRefusedError(404, f"No model {asked!r} is declared. Declared are: {declared}.")
        return engine

    @property
    def body_max_bytes(self) -> int:
        """The largest body that is read."""
        return self._settings.body_max_bytes

    @property
    def body_timeout_s(self) -> float:
        """How long a body may take to arrive."""
        return self._settings.body_timeout_s

    def count_access_refusal(self, refusal: AccessRefusal) -> None:
        """Count a request that was refused for what its head says."""
        self._metrics.count_access_refusal(refusal.caller, refusal.status, refusal.cause)

    @property
    def batch_max_rows(self) -> int:
        """The largest batch that is answered."""
        return self._settings.batch_max_rows

    async def refuse(self, request: Request, error: Exception) -> Response:
        """Turn a refusal, or a request that does not fit the schema, into its HTTP answer."""
        from fastapi.responses import JSONResponse
        from pydantic import ValidationError

        if isinstance(error, ValidationError):
            error = RequestRefusedError(422, describe_invalid(error.errors(include_url=False)))
        if not isinstance(error, RequestRefusedError):
            raise error
        name = request.path_params.get("name", "")
        self._metrics.count_refusal(name if name in self.engines else "", error.status)
        headers = None if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        status, content = find_error_shape(request.url.path)(error.status, str(error))
        return JSONResponse(content, status, headers)

    def find_readiness(self) -> ServerReadiness:
        """Ready once each champion answers or could not be loaded: one broken model keeps no other from clients."""
        stores = {name: engine.store for name, engine in self.engines.items()}
        waiting = {name: store.reason for name, store in stores.items() if not store.is_settled}
        failed = {name: store.failure for name, store in stores.items() if store.failure is not None}
        if not self._watcher.has_looked:
            waiting = {name: store.reason for name, store in stores.items()} or {"": "nothing was read yet"}
        is_ready = not waiting
        answering = sum(store.routing.champion is not None for store in stores.values())
        reason = next(iter(waiting.values()), f"{answering} of {len(stores)} models have a champion that answers")
        return ServerReadiness(
            status="ready" if is_ready else "waiting",
            is_ready=is_ready,
            reason=reason,
            failed={name: reason or "" for name, reason in failed.items()},
        )

    def find_model_readiness(self, model_name: str, version: int | None) -> Readiness:
        """Whether a model's champion answers, or one explicit version would; asking for a version loads it.

        Raises:
            RequestRefusedError: 404, see :meth:`find_engine`.
        """
        store = self.find_engine(model_name).store
        if version is not None:
            slot = store.stage(version)
            reason = f"version {version} {slot.reason}"
            return Readiness(status=slot.status, is_ready=slot.model is not None, version=version, reason=reason)
        champion = store.routing.champion
        return Readiness(
            status="ready" if champion else "waiting",
            is_ready=champion is not None,
            version=champion.version if champion else None,
            reason=store.reason,
        )

    def describe(self) -> ServerStatus:
        """Models, versions, weights and counts of this moment."""
        return ServerStatus(
            models=[self.describe_model(name) for name in self.engines],
            is_warehouse_reachable=self._watcher.is_reachable,
            log_rows_waiting=self._log.waiting,
            log_rows_dropped=self._log.dropped,
            log_error=self._log.last_error,
            started_at=self._started_at,
        )

    def describe_model(self, model_name: str) -> ModelStatus:
        """One model at this moment.

        Raises:
            RequestRefusedError: 404, see :meth:`find_engine`.
        """
        return describe_model(self.find_engine(model_name), self._aliases.strays.get(model_name))

    def _read_champions(self) -> dict[str, int]:
        routings = {name: engine.store.routing for name, engine in self.engines.items()}
        return {name: routing.champion.version for name, routing in routings.items() if routing.champion is not None}

    def render_metrics(self) -> bytes:
        """All counters and gauges for Prometheus."""
        return self._metrics.render()

    def _read_gauges(self) -> Gauges:
        own: Mapping[str, float] = {
            "is_warehouse_reachable": int(self._watcher.is_reachable),
            "log_rows_waiting": self._log.waiting,
            "log_rows_written": self._log.written,
            "log_rows_dropped": self._log.dropped,
        }
        strays: Gauges = {"is_alias_right": {name: int(name not in self._aliases.strays) for name in self.engines}}
        return {**read_gauges(self.engines), **strays, **{name: {"": value} for name, value in own.items()}}

    def _tell_first_log(self, model_name: str) -> None:
        engine = self.engines.get(model_name)
        champion = engine.store.routing.champion if engine else None
        groups = champion.contract.groups if champion else ()
        if self._report_first_log is not None:
            self._report_first_log(model_name, [group.online for group in groups if group.online])
