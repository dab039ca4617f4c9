"""What every connection of a gateway process shares."""

from collections.abc import Callable
from datetime import UTC, datetime

from ingest_gateway.admission import Admission, SenderLimit, UnfinishedLimit
from ingest_gateway.auth.hot import HotVerifier
from ingest_gateway.limits import CoarseClock, Limits
from ingest_gateway.metrics import GatewayMetrics
from ingest_gateway.publisher import Publisher

_FORGET_ABOVE = 1_000


class Gateway:
    """The parts that answer reports, wired together; connections only read its attributes."""

    def __init__(
        self,
        *,
        verifier: HotVerifier,
        publisher: Publisher,
        admission: Admission,
        patients: SenderLimit,
        staff: SenderLimit,
        metrics: GatewayMetrics,
        limits: Limits,
        coarse: CoarseClock,
        time: Callable[[], float],
        partitions: int,
        cors_origin: str = "",
        allowed_hosts: frozenset[bytes] = frozenset(),
    ) -> None:
        self.verifier = verifier
        self.publisher = publisher
        self.admission = admission
        self.patients = patients
        self.staff = staff
        self.unfinished = UnfinishedLimit(limits.unfinished_bytes)
        self.metrics = metrics
        self.limits = limits
        self.coarse = coarse
        self.time = time
        self.partitions = partitions
        self.cors_origin = cors_origin.encode()
        self.cors_lines = (
            b"access-control-allow-origin: %b\r\n"
            b"access-control-expose-headers: retry-after\r\n"
            b"vary: origin\r\n" % self.cors_origin
        )
        self.allowed_hosts = allowed_hosts
        self.draining = False

    def sweep(self) -> None:
        """What has to be looked at every tick, connections apart."""
        self.coarse.advance()
        self.publisher.sweep(self.limits.tick)
        for senders in (self.patients, self.staff):
            if len(senders) > _FORGET_ABOVE:
                senders.forget_full(self.coarse.now)

    def not_ready_because(self) -> str | None:
        """Why no load balancer should send reports here; None when it should."""
        if self.draining:
            return "draining before the process stops"
        return self.publisher.refusing_because

    def now_rfc3339(self) -> bytes:
        """The gateway's own time, for an attempt that doesn't say when it was made."""
        at = datetime.fromtimestamp(self.time(), UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
