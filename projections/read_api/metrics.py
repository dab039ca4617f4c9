"""What the read API counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from projections.live.metrics import LiveMetrics

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNKNOWN_ROUTE = "(none)"


class Metrics:
    """The read API's metrics; ``live`` holds those of live push."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "eightbells_api_requests",
            "Requests by method, route template and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "eightbells_api_request_seconds",
            "Time from a request's headers to the end of its answer, by route template.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.logins = Counter(
            "eightbells_api_logins",
            "Logins, activations and refreshes by outcome.",
            ["call", "outcome"],
            registry=registry,
        )
        self.passwords_waiting = Gauge(
            "eightbells_api_passwords_waiting", "Logins that wait for a password thread.", registry=registry
        )
        self.live = LiveMetrics(registry)
        self.lag_seconds = Gauge(
            "eightbells_api_lag_seconds",
            "How old the newest instant is up to which every report was known to be in, as last answered.",
            registry=registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. Labels are bounded: unknown methods and paths share one value each."""
        known = method if method in _METHODS else "(other)"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
