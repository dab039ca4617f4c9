"""Every metric of the report worker, declared once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RECORDS = (1, 10, 50, 100, 250, 500, 1000, 2000, 5000)


class WorkerMetrics:
    """The worker's metrics, in a registry of their own process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "eightbells_worker_records_total",
            "Ledger rows committed, by disposition and, of a quarantine, its reason.",
            ["disposition", "reason"],
            registry=registry,
        )
        self.alerts = Counter(
            "eightbells_worker_alerts_total",
            "Alerts raised for the first time, by level.",
            ["level"],
            registry=registry,
        )
        self.batch_records = Histogram(
            "eightbells_worker_batch_records",
            "Ledger rows in each committed transaction.",
            buckets=_RECORDS,
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "eightbells_worker_transaction_seconds",
            "How long it took to apply a batch, from its first statement to the commit.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag = Gauge(
            "eightbells_worker_lag_records",
            "Records of an assigned partition that are not in the ledger yet.",
            ["partition"],
            registry=registry,
        )
        self.gaps = Counter(
            "eightbells_worker_gap_offsets_total",
            "Offsets that hold no record, such as transaction markers; more than none is worth a look.",
            registry=registry,
        )
        self.late_starts = Counter(
            "eightbells_worker_late_starts_total",
            "Partitions whose log had lost its beginning before the ledger met them.",
            registry=registry,
        )
        self.superseded = Counter(
            "eightbells_worker_superseded_total",
            "Batches discarded because others had applied their offsets, or we had and the answer was lost.",
            registry=registry,
        )
        self.retries = Counter(
            "eightbells_worker_retries_total",
            "Times a batch was kept and tried again because Postgres did not take it, by SQLSTATE or error.",
            ["cause"],
            registry=registry,
        )
        self.bisections = Counter(
            "eightbells_worker_bisections_total",
            "Times a batch was split in search of the record that Postgres refused.",
            registry=registry,
        )
        self.stopped = Gauge(
            "eightbells_worker_stopped",
            "1 when this worker has stopped and needs a person; its log says why.",
            registry=registry,
        )
