"""Whether this worker is ready, and why not."""

import logging

from stream_workers.reports.metrics import WorkerMetrics

_log = logging.getLogger(__name__)


class Stopped(RuntimeError):
    """Going on could lose or divert reports: this worker stops, stays unready and needs a person."""


class Health:
    """Collects reasons not to be ready. Each concern has one reason at a time; the first noted is shown."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._reasons: dict[str, str] = {"start": "starting"}

    def note(self, concern: str, reason: str | None) -> None:
        """Set a concern's reason, or clear it with None."""
        if reason is None:
            self._reasons.pop(concern, None)
        elif self._reasons.get(concern) != reason:
            self._reasons[concern] = reason

    def stop(self, reason: str) -> None:
        """Note that this worker has stopped for good, loudly."""
        _log.critical("stopped: %s", reason)
        self._metrics.stopped.set(1)
        self._reasons = {"stopped": f"stopped: {reason}"}

    def readiness(self) -> str | None:
        """Why this worker is not ready; None when it is."""
        return next(iter(self._reasons.values()), None)
