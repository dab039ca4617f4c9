"""What live push counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LiveMetrics:
    """Live push's metrics, all declared here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("eightbells_live_sockets", "Open sockets with a good token.", registry=registry)
        self.encoded = Counter(
            "eightbells_live_frames_encoded", "Frames encoded: one per scope and tick.", registry=registry
        )
        self.frames = Counter(
            "eightbells_live_frames_queued", "Frames queued for sockets.", registry=registry
        )
        self.events = Counter(
            "eightbells_live_events", "Events read from the outbox, each once.", registry=registry
        )
        self.replays = Counter(
            "eightbells_live_replays",
            "Sockets that came with a cursor, by what it was answered from: memory, database, or resync.",
            ["source"],
            registry=registry,
        )
        self.closed = Counter(
            "eightbells_live_closed", "Sockets closed by us, by code; 1013: too slow.", ["code"],
            registry=registry,
        )  # fmt: skip
        self.feed_losses = Counter(
            "eightbells_live_feed_losses", "Times the listening connection was lost.", registry=registry
        )
