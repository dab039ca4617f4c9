"""What the gateway counts, each with a sentence. Counting adds to plain numbers; a scrape reads them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_REPORTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Histogram:
    """Counts of observations by upper bound: what ``prometheus_client`` has, without its lock."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self, name: str, sentence: str) -> Metric:
        """What Prometheus scrapes: cumulative buckets and the sum."""
        buckets, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(name, sentence, buckets=buckets, sum_value=self._sum)


class GatewayMetrics(Collector):
    """The gateway's metrics. The event loop's thread alone writes; a scrape runs there, too."""

    def __init__(self) -> None:
        self.answers: defaultdict[int, int] = defaultdict(int)
        self.unknown_outcomes = 0
        self.late_acks = 0
        self.producer_rebuilds = 0
        self.batch_reports = Histogram(_REPORTS)
        self.ack_seconds = Histogram(_SECONDS)
        self.in_flight_reports: Callable[[], int] = int
        self.in_flight_bytes: Callable[[], int] = int
        self.connections: Callable[[], int] = int

    def collect(self) -> Iterator[Metric]:
        """Every metric, by name."""
        answers = CounterMetricFamily(
            "eightbells_gateway_reports", "Reports answered, by HTTP status.", labels=["status"]
        )
        for status, count in sorted(self.answers.items()):
            answers.add_metric([str(status)], count)
        yield answers
        yield CounterMetricFamily(
            "eightbells_gateway_unknown_outcomes",
            "Reports answered 503 that were handed to Kafka and may yet become durable.",
            self.unknown_outcomes,
        )
        yield CounterMetricFamily(
            "eightbells_gateway_late_acks",
            "Reports Kafka confirmed after their senders had been told that the outcome is unknown.",
            self.late_acks,
        )
        yield CounterMetricFamily(
            "eightbells_gateway_producer_rebuilds",
            "Times the Kafka producer was made anew after an error it cannot recover from.",
            self.producer_rebuilds,
        )
        yield self.batch_reports.family("eightbells_gateway_batch_reports", "Reports in one Kafka batch.")
        yield self.ack_seconds.family(
            "eightbells_gateway_ack_seconds",
            "Seconds from a batch's first report to Kafka's acknowledgement.",
        )
        yield GaugeMetricFamily(
            "eightbells_gateway_in_flight_reports",
            "Reports being read or whose batch Kafka has not settled.",
            self.in_flight_reports(),
        )
        yield GaugeMetricFamily(
            "eightbells_gateway_in_flight_bytes",
            "Bytes of the reports in flight.",
            self.in_flight_bytes(),
        )
        yield GaugeMetricFamily(
            "eightbells_gateway_connections", "Open connections on the patients' port.", self.connections()
        )
