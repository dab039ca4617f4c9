"""Whether this worker is ready, and why not."""

import logging
import time
from collections.abc import Callable
from typing import Final

from stream_workers.reports.metrics import WorkerMetrics

_log = logging.getLogger(__name__)

_STANDS_STILL_AFTER_S: Final = 20.0


class Stopped(RuntimeError):
    """Going on could lose or divert reports: this worker stops, stays unready and needs a person."""


class Health:
    """Collects reasons not to be ready. Each concern has one reason at a time.

    ``clock`` gives seconds and never goes back.
    """

    def __init__(self, metrics: WorkerMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._turned_at = clock()
        self._reasons: dict[str, str] = {"start": "starting"}

    def note(self, concern: str, reason: str | None) -> None:
        """Set a concern's reason, or clear it with None."""
        if reason is None:
            self._reasons.pop(concern, None)
        elif self._reasons.get(concern) != reason:
            self._reasons[concern] = reason

    def turn(self) -> None:
        """The worker's loop begins another turn."""
        self._turned_at = self._clock()

    def stop(self, reason: str) -> None:
        """Note that this worker has stopped for good, loudly."""
        _log.critical("stopped: %s", reason)
        self._metrics.stopped.set(1)
        self._reasons = {"stopped": f"stopped: {reason}"}

    def readiness(self) -> str | None:
        """Why this worker is not ready; None when it is."""
        still = self._clock() - self._turned_at
        if not self._reasons and still > _STANDS_STILL_AFTER_S:
            return f"the worker's loop has stood still for {still:.0f} s"
        return "; ".join(self._reasons.values()) or None
