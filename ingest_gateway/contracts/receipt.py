"""What the gateway answers to a report that is durable in Kafka."""

import msgspec


class Receipt(msgspec.Struct, frozen=True):
    """Where the report lies. ``sha256`` is the hex digest of its bytes; ``receivedAt`` is the broker's time.

    ``offset`` is null where the broker confirmed the batch without saying at which offset.
    """

    partition: int
    offset: int | None
    sha256: str
    receivedAt: str


class Accepted(msgspec.Struct, frozen=True):
    """The body of a 202."""

    reportId: str
    receipt: Receipt
    status: str = "accepted"
