"""A gateway that answers as it is told, and a real ledger behind it."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest

from loadtest.reports import Assignment
from tests.conftest import Database

_ROW = """
insert into ledger (received_at, stream_id, kafka_partition, kafka_offset, disposition, reason, patient_id,
    report_id, sha256) values (now(), 1, 0, $1, $2, $3, $4, $5, $6)
"""


def assignments(count: int, now: datetime) -> list[Assignment]:
    """Patients whose window closed an hour ago."""
    return [
        Assignment(
            patientId=f"P-{number:06d}",
            studyId="EB-DEMO",
            siteId="S-01",
            timeZone="Asia/Shanghai",
            visitId="V-0042",
            instrument="daily-symptoms",
            instrumentVersion="1.0",
            token="a.b.c",
            opensAt=now - timedelta(hours=4),
            closesAt=now - timedelta(hours=1),
        )
        for number in range(count)
    ]


@dataclass
class Ledger:
    """A ledger, written by its owner as the worker would write it."""

    owner: asyncpg.Connection
    reader_url: str
    end: int = 0

    async def write(self, body: bytes, disposition: str = "accepted", *, twice: bool = False) -> int:
        """A row of its own for each arrival; its offset."""
        report = json.loads(body)
        reason = "conflict" if disposition == "quarantined" else None
        for _ in range(1 + twice):
            offset, self.end = self.end, self.end + 1
            sha256 = hashlib.sha256(body).digest()
            identity = (report["patientId"], uuid.UUID(report["reportId"]))
            await self.owner.execute(_ROW, offset, disposition, reason, *identity, sha256)
        return offset

    async def commit(self) -> None:
        """Move the committed offset up to the last row."""
        await self.owner.execute("update offsets set next_offset = $1", self.end)

    async def remove(self, offset: int) -> None:
        """Delete a row, as only somebody with the owner's rights and bad intentions can."""
        async with self.owner.transaction():
            await self.owner.execute("set local session_replication_role = replica")
            await self.owner.execute("delete from ledger where kafka_offset = $1", offset)


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    owner = await asyncpg.connect(database.url)
    await owner.execute(
        "insert into streams (cluster_id, topic_id, topic) values ('c', $1, 'epro.reports.v1')", uuid.uuid4()
    )
    await owner.execute("insert into offsets values (1, 0, 0, 0, '')")
    await owner.execute("insert into studies values ('EB-DEMO', 'training', '{}', now())")
    yield Ledger(owner, database.role("eightbells_reader"))
    await owner.close()


def acceptance(body: bytes, offset: int) -> bytes:
    receipt = {"partition": 0, "offset": offset, "sha256": hashlib.sha256(body).hexdigest(), "receivedAt": ""}
    accepted = {"reportId": json.loads(body)["reportId"], "status": "accepted", "receipt": receipt}
    content = json.dumps(accepted).encode()
    return b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n%b" % (len(content), content)


@dataclass
class Gateway:
    """Answers 202 and writes the row; subclasses get it wrong."""

    ledger: Ledger
    expected: int
    url: str = ""
    seen: int = 0
    _one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, number: int, body: bytes) -> bytes:
        """What to answer to the ``number``-th report."""
        return acceptance(body, await self.ledger.write(body))

    async def finish(self) -> None:
        """All reports are in."""
        await self.ledger.commit()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
                async with self._one_by_one:
                    self.seen += 1
                    answer = await self.answer(self.seen, body)
                    if self.seen == self.expected:
                        await self.finish()
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield
        server.close()


def write_tokens(directory: Path, due: Sequence[Assignment]) -> Path:
    file = directory / "tokens.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in due))
    return file


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """A token file for twenty patients."""
    return write_tokens(tmp_path, assignments(20, datetime.now(UTC)))
