"""The topic as the worker reads it: a consumer group that shares out partitions, positions set by the caller.

Habits of aiokafka's consumer that shape this module:

- A new assignment may hand out records from the group's committed offsets before anybody could seek. So a
  fetch that spans a change of the assignment is thrown away, and the caller seeks again.
- An error while records are handed over leaves the position in the middle: after it, too, the caller seeks.
- Transaction markers are skipped without a word, which only the position shows.
- Committing is tried again for ever where the topic is gone, or the group has no coordinator.
"""

import asyncio
import itertools
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IllegalStateError,
    KafkaError,
    UnsupportedCodecError,
)

from stream_workers.reports.batch import Fetched

_log = logging.getLogger(__name__)

_MAX_PARTITION_FETCH_BYTES = 2 * 1024 * 1024 + 64 * 1024
_METADATA_EVERY_MS = 10_000
"""A topic that is made anew, or grows, has its partitions shared out when the members next look."""
_REVOKE_WITHIN_S = 5.0
_HINT_WITHIN_S = 2.0
_COORDINATOR_EVERY_S = 0.2


class Undecodable(RuntimeError):
    """A record's framing cannot be decoded: a header's name that is not UTF-8, an unknown compression."""


class ReportLog:
    """The report topic, one group member's part of it. Use within one event loop.

    ``generation`` grows with every change of the assignment. ``in_hand`` is held by the caller while it
    applies a batch: a rebalance waits for that up to 5 s; after that the offsets' compare-and-set protects.
    """

    def __init__(self, bootstrap: str, topic: str, group_id: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._group_id = group_id
        self._consumer: AIOKafkaConsumer | None = None
        self.generation = 0
        self.in_hand = asyncio.Lock()

    async def start(self) -> None:
        """Join the group, once it has a coordinator; returns when partitions are shared out.

        Raises:
            KafkaError: no broker answers.
        """
        await self._until_coordinated()
        # Uncommitted records are read too: a transaction that hangs would otherwise hold its partition up.
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group_id,
            client_id="eightbells-reports-worker",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_uncommitted",
            max_partition_fetch_bytes=_MAX_PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=250,
            metadata_max_age_ms=_METADATA_EVERY_MS,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=300_000,
        )
        consumer.subscribe([self._topic], listener=self)
        self._consumer = consumer
        await consumer.start()

    async def stop(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        self.generation += 1
        if consumer is not None:
            await consumer.stop()

    def assigned(self) -> frozenset[int]:
        """This member's partitions."""
        if self._consumer is None:
            return frozenset()
        return frozenset(one.partition for one in self._consumer.assignment())

    async def first_offsets(self, partitions: Iterable[int]) -> dict[int, int]:
        """Where the log of each partition begins."""
        found = await self._running().beginning_offsets([self._at(one) for one in partitions])
        return {one.partition: offset for one, offset in found.items()}

    def seek(self, offsets: Mapping[int, int]) -> bool:
        """Read on from these offsets. False where the assignment has changed meanwhile."""
        consumer = self._running()
        try:
            for partition, offset in offsets.items():
                consumer.seek(self._at(partition), offset)
        except IllegalStateError:
            return False
        return True

    async def fetch(
        self, timeout_ms: int, max_records: int, partitions: Iterable[int] = ()
    ) -> Fetched | None:
        """Records that are there, waiting so long for the first; None where the assignment changed meanwhile.

        Args:
            timeout_ms: how long to wait.
            max_records: how many at most.
            partitions: only of these; of all where empty.

        Raises:
            Undecodable: a record's framing cannot be decoded, so that its bytes cannot be had.
            KafkaError: OffsetOutOfRangeError and NoOffsetForPartitionError among them.
        """
        consumer, generation = self._running(), self.generation
        only = [self._at(one) for one in partitions]
        try:
            found = await consumer.getmany(*only, timeout_ms=timeout_ms, max_records=max_records)
        except (UnsupportedCodecError, ValueError) as error:
            raise Undecodable(type(error).__name__) from error
        if generation != self.generation:
            return None
        positions = {}
        try:
            for one in only or consumer.assignment():
                positions[one.partition] = await consumer.position(one)
        except IllegalStateError:
            return None
        if generation != self.generation:
            return None
        return Fetched({one.partition: records for one, records in found.items()}, positions)

    def ends(self) -> dict[int, int]:
        """The end of each assigned partition's log, where a broker has told it."""
        consumer = self._running()
        ends = {one.partition: consumer.highwater(one) for one in consumer.assignment()}
        return {partition: end for partition, end in ends.items() if end is not None}

    def emptied(self, applied: Mapping[int, int]) -> dict[int, datetime]:
        """Partitions of which all is applied, each with an instant before which there was nothing else.

        A broker's answer holds all that was appended before it was asked, and it waits 250 ms at most; the
        rest of the second allowed here is the way there and back.
        """
        consumer, ends, emptied = self._running(), self.ends(), {}
        for partition, offset in applied.items():
            if partition in ends and offset >= ends[partition]:
                answered = consumer.last_poll_timestamp(self._at(partition))
                if answered is not None:
                    emptied[partition] = datetime.fromtimestamp(answered / 1000 - 1, UTC)
        return emptied

    def last_answer_ms(self) -> int | None:
        """When a broker last answered a fetch, in ms since 1970; None where none has yet."""
        consumer = self._running()
        answers = [consumer.last_poll_timestamp(one) for one in consumer.assignment()]
        return max((answer for answer in answers if answer is not None), default=None)

    async def commit_hint(self, offsets: Mapping[int, int]) -> None:
        """Tell Kafka how far the ledger is. Failing is no harm, so it is not tried for long."""
        if self._consumer is None or not offsets:
            return
        try:
            async with asyncio.timeout(_HINT_WITHIN_S):
                await self._consumer.commit({self._at(one): offset for one, offset in offsets.items()})
        except (KafkaError, TimeoutError) as error:
            _log.debug("offsets not told to Kafka: %s", type(error).__name__)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by aiokafka."""
        self.generation += 1
        _log.info("partitions assigned", extra={"partitions": sorted(one.partition for one in assigned)})

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by aiokafka: let the batch in hand be committed first."""
        self.generation += 1
        try:
            async with asyncio.timeout(_REVOKE_WITHIN_S), self.in_hand:
                pass
        except TimeoutError:
            _log.warning("gave partitions up with a batch in hand")

    async def _until_coordinated(self) -> None:
        """A new cluster makes its topic of groups when it is first asked; the consumer would log errors."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            for attempt in itertools.count():
                try:
                    await admin.find_coordinator(self._group_id)
                    return
                except GroupCoordinatorNotAvailableError:
                    if not attempt:
                        _log.info("waiting for a coordinator of the group")
                await asyncio.sleep(_COORDINATOR_EVERY_S)
        finally:
            await admin.close()

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise IllegalStateError("the log is not open")
        return self._consumer

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


ConsumerRebalanceListener.register(ReportLog)
