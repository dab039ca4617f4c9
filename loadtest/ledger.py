"""Looking up a run's reports in the ledger, as the read-only database role."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from ingest_gateway.contracts.topics import REPORTS
from loadtest.account import Key, Row, Told

BATCH: Final = 2_000
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 2.0
_QUIET_S: Final = 3.0
_CLOCKS_DIFFER: Final = timedelta(hours=1)

# By patient, because the ledger has an index on it and a patient has few rows; by time, to prune its months.
_ROWS: Final = """
select l.patient_id, l.report_id, l.disposition, l.reason, encode(l.sha256, 'hex') as sha256
from unnest($1::text[], $2::uuid[]) sent (patient_id, report_id)
join ledger l on l.patient_id = sent.patient_id and l.report_id = sent.report_id
where l.received_at >= $3
"""
_COMMITTED: Final = """
select kafka_partition, next_offset from offsets
where stream_id = (select max(stream_id) from streams where topic = $1)
"""
_PRODUCTION: Final = "select study_id from studies where study_id = any($1) and purpose = 'production'"


class ProductionStudy(RuntimeError):
    """Load tests never write to a production study."""

    exit_code = 2


class LedgerUnreachable(RuntimeError):
    """The database cannot be asked, so nothing can be said about the run. Never quotes its URL."""

    exit_code = 3


class Ledger:
    """The ledger as a client of the read-only role sees it. Connects when first asked; close it after use.

    A database that restarts is asked again for ``patience`` seconds: bursts are sent while things die.

    Args:
        database_url: of that role.
        since: when the run began; nothing of it was received earlier.
        topic: where the run's reports went.
        patience: in seconds.
    """

    def __init__(
        self, database_url: str, since: datetime, topic: str = REPORTS, patience: float = 30.0
    ) -> None:
        self._url, self._topic, self._patience = database_url, topic, patience
        self._since = since - _CLOCKS_DIFFER
        self._connection: asyncpg.Connection | None = None

    async def rows(self, keys: Sequence[Key]) -> list[Row]:
        """Every row of these reports, asked for in batches.

        Raises:
            LedgerUnreachable: as do the other questions.
        """
        rows: list[Row] = []
        for batch in _batches(keys):
            patients, reports = [key[0] for key in batch], [uuid.UUID(key[1]) for key in batch]
            found = await self._fetch(_ROWS, patients, reports, self._since)
            rows += [Row(patient, str(report), *rest) for patient, report, *rest in found]
        return rows

    async def committed(self) -> dict[int, int]:
        """The next offset of each partition that the ledger has come to."""
        return {row[0]: row[1] for row in await self._fetch(_COMMITTED, self._topic)}

    async def refuse_production(self, study_ids: Collection[str]) -> None:
        """Make sure that none of these studies is a production study.

        Raises:
            ProductionStudy: naming one.
        """
        if rows := await self._fetch(_PRODUCTION, list(study_ids)):
            raise ProductionStudy(f"{rows[0][0]} is a production study: load tests refuse it.")

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            with contextlib.suppress(*_DATABASE_AWAY):
                await self._connection.close(timeout=2)
            self._connection = None

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._url, timeout=10, command_timeout=60)
                rows: list[asyncpg.Record] = await self._connection.fetch(query, *arguments)
                return rows
            except _DATABASE_AWAY as error:
                if loop.time() >= until:
                    raise LedgerUnreachable(
                        f"The database cannot be asked: {type(error).__name__}."
                    ) from None
            await asyncio.sleep(_FIRST_PAUSE_S)


_DATABASE_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)


async def until_committed(
    ledger: Ledger, told: Collection[Told], settle: float, progress: Callable[[int, int], None]
) -> bool:
    """Wait until the committed offsets have passed every receipt; False when ``settle`` seconds are over.

    Costs the database next to nothing: it is asked for one row per partition, a few times a second.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + settle
    receipts = [
        (one.partition, one.offset) for one in told if one.partition is not None and one.offset is not None
    ]
    pause, before = _FIRST_PAUSE_S, None
    while True:
        committed = await ledger.committed()
        if committed != before:
            passed = sum(committed.get(partition, 0) > offset for partition, offset in receipts)
            progress(passed, len(receipts))
            if passed == len(receipts):
                return True
            before, pause = committed, _FIRST_PAUSE_S
        if loop.time() >= until:
            return False
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE_S, pause * 1.5)


async def settled_rows(
    ledger: Ledger, told: Collection[Told], settle: float, progress: Callable[[int, int], None]
) -> list[Row]:
    """Wait until the ledger has all that was accepted, then look at every report of the run.

    Rows and offsets are committed together: what is not there when the offsets are past it and stand still
    will not come. Gives up after ``settle`` seconds, and looks all the same.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    keys = sorted(one.key for one in told)
    missing = {one.key for one in told if one.outcome == "accepted"}
    receipts_name_offsets = all(one.offset is not None for one in told if one.outcome == "accepted")
    passed = await until_committed(ledger, told, settle, progress)
    missing = missing - {row.key for row in await ledger.rows(sorted(missing))}
    unknown = any(one.outcome == "unknown" for one in told)
    moved, committed = loop.time(), await ledger.committed()
    while (missing or unknown) and loop.time() - started < settle:
        if passed and loop.time() - moved >= _QUIET_S and (receipts_name_offsets or not missing):
            break
        await asyncio.sleep(_LONGEST_PAUSE_S / 2)
        now = await ledger.committed()
        if now != committed:
            moved, committed = loop.time(), now
            missing = missing - {row.key for row in await ledger.rows(sorted(missing))}
    return await ledger.rows(keys)


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]
