"""What the relay counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The relay's metrics, all declared here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leading = Gauge(
            "eightbells_relay_leading",
            "1 in the relay that leads, 0 in one that stands by.",
            registry=registry,
        )
        self.numbered = Counter(
            "eightbells_relay_numbered_batches", "Outbox batches that were given a number.", registry=registry
        )
        self.published = Counter(
            "eightbells_relay_published_records",
            "Records that Kafka acknowledged, by topic.",
            ["topic"],
            registry=registry,
        )
        self.unpublished = Gauge(
            "eightbells_relay_unpublished_batches",
            "Numbered batches that Kafka does not have yet.",
            registry=registry,
        )
        self.forgotten = Counter(
            "eightbells_relay_forgotten_batches",
            "Old published outbox batches that were deleted.",
            registry=registry,
        )
        self.failures = Counter(
            "eightbells_relay_failures",
            "Times that work stopped and began again, by what failed.",
            ["part"],
            registry=registry,
        )
