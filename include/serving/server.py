"""The parts of the model server, put together, started and stopped."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from include.serving.database import Database
from include.serving.engine import Engine
from include.serving.features import FeatureReader
from include.serving.inference_log import InferenceLog
from include.serving.journal import Journal
from include.serving.loader import Loader
from include.serving.metrics import Metrics
from include.serving.models import ModelStore
from include.serving.refusal import RequestRefusedError, describe_invalid
from include.serving.schemas import BatchRequest, Readiness, ServerStatus, VersionStatus
from include.serving.watcher import RolloutWatcher
from include.settings.rollout import ServerSettings

if TYPE_CHECKING:
    from fastapi import Request, Response

_FLUSH_AT_END_S: Final = 5.0


class ModelServer:
    """One model name, served from one warehouse; three connections, each of which comes back by itself."""

    def __init__(
        self,
        uri: str,
        model_name: str,
        load: Loader,
        settings: ServerSettings,
        on_first_log: Callable[[], None] | None = None,
    ) -> None:
        timeout_s = settings.database_timeout_s
        self._databases = [Database(uri, timeout_s, f"orrery-serving-{job}") for job in ("read", "log", "watch")]
        reading, logging, watching = self._databases
        self._model_name = model_name
        self._settings = settings
        self._started_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._metrics = Metrics()
        self._store = ModelStore(load)
        self._log = InferenceLog(logging, settings.log_flush_interval_s, settings.log_capacity, on_first_log)
        self._watcher = RolloutWatcher(watching, self._store, model_name, settings.poll_interval_s)
        journal = Journal(model_name, self._log, self._metrics)
        reader = FeatureReader(reading)
        self.engine = Engine(self._store, reader, journal, settings.challenger_deadline_ms)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Watch the rollout and write the log while the block runs; at its end the log is flushed."""
        stop = asyncio.Event()
        watching = asyncio.create_task(self._watcher.run())
        logging = asyncio.create_task(self._log.run(stop))
        try:
            yield
        finally:
            stop.set()
            watching.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(logging, _FLUSH_AT_END_S)
            self.engine.close()
            for database in self._databases:
                await database.close()

    def check_batch(self, batch: BatchRequest) -> None:
        """Refuse a batch that is too large.

        Raises:
            RequestRefusedError: 422 with both numbers.
        """
        most = self._settings.batch_max_rows
        if len(batch.requests) > most:
            raise RequestRefusedError(
                422, f"The batch has {len(batch.requests)} requests, at most {most} are taken. Split it."
            )

    async def refuse(self, _: Request, error: Exception) -> Response:
        """Turn a refusal, or a request that does not fit the schema, into its HTTP answer."""
        from fastapi.exceptions import RequestValidationError
        from fastapi.responses import JSONResponse

        if isinstance(error, RequestValidationError):
            error = RequestRefusedError(422, describe_invalid(error.errors()))
        if not isinstance(error, RequestRefusedError):
            raise error
        self._metrics.count_refusal(error.status)
        headers = None if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        return JSONResponse({"detail": str(error)}, error.status, headers)

    def find_readiness(self, version: int | None) -> Readiness:
        """Whether the champion answers, or one explicit version would; asking for a version loads it."""
        if version is not None:
            slot = self._store.stage(version)
            reason = f"version {version} {slot.reason}"
            return Readiness(status=slot.status, is_ready=slot.model is not None, version=version, reason=reason)
        champion = self._store.routing.champion
        return Readiness(
            status="ready" if champion else "waiting",
            is_ready=champion is not None,
            version=champion.version if champion else None,
            reason=self._store.reason,
        )

    def describe(self) -> ServerStatus:
        """Versions, weights and counts of this moment."""
        routing = self._store.routing
        return ServerStatus(
            model_name=self._model_name,
            is_ready=routing.champion is not None,
            reason=self._store.reason,
            champion_version=routing.champion.version if routing.champion else None,
            challenger_version=routing.challenger_version,
            challenger_weight=routing.challenger_weight,
            feature_names=routing.champion.feature_names if routing.champion else (),
            is_warehouse_reachable=self._watcher.is_reachable,
            versions=[
                VersionStatus(version=slot.version, status=slot.status, reason=slot.reason)
                for slot in self._store.slots
            ],
            predictions=_sum_by_variant(self._metrics.predictions),
            errors=_sum_by_variant(self._metrics.errors),
            log_rows_waiting=self._log.waiting,
            log_rows_dropped=self._log.dropped,
            log_error=self._log.last_error,
            started_at=self._started_at,
        )

    def render_metrics(self) -> str:
        """All counters and gauges for Prometheus."""
        routing = self._store.routing
        return self._metrics.render(
            {
                "is_ready": int(routing.champion is not None),
                "is_warehouse_reachable": int(self._watcher.is_reachable),
                "champion_version": routing.champion.version if routing.champion else 0,
                "challenger_version": routing.challenger_version or 0,
                "challenger_weight": routing.challenger_weight,
                "log_rows_waiting": self._log.waiting,
                "log_rows_written_total": self._log.written,
                "log_rows_dropped_total": self._log.dropped,
            }
        )


def _sum_by_variant(counts: Mapping[tuple[str, int], int]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for (variant, _), count in counts.items():
        sums[variant] += count
    return dict(sums)
