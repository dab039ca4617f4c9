"""A gateway in the test's own process, the Kafka it thinks it has, and a client that speaks bytes."""

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
import orjson

from ingest_gateway.auth.keys import KeyRing, key_ring
from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, LIFETIME_S, Claims, Role, issue
from ingest_gateway.bootstrap import OpenProducer, bootstrap
from ingest_gateway.gateway import Gateway
from ingest_gateway.producer import Ack, Producer, Record
from ingest_gateway.server import GatewayServer
from ingest_gateway.settings import GatewaySettings
from tests.waiting import until

KEYS: KeyRing = key_ring("k1", {"k1": secrets.token_bytes(32), "k0": secrets.token_bytes(32)})


def claims(patient: str = "P-000001", role: Role = "patient", **changes: object) -> Claims:
    """The claims of a token issued a minute ago."""
    now = int(time.time()) - 60
    patient_only = {"patientId": patient, "studyId": "EB-DEMO", "siteId": "S-01"} if role == "patient" else {}
    return msgspec.convert(
        {
            "userId": f"u-{patient}",
            "role": role,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            **patient_only,
            **changes,
        },
        Claims,
    )


def bearer(patient: str = "P-000001", role: Role = "patient", **changes: object) -> str:
    """An Authorization header's value."""
    return "Bearer " + issue(claims(patient, role, **changes), KEYS)


def report(patient: str = "P-000001", **changes: object) -> bytes:
    """A valid report's bytes, with its own id."""
    return orjson.dumps(
        {
            "reportId": str(uuid.uuid4()),
            "patientId": patient,
            "instrument": "daily-symptoms",
            "instrumentVersion": "1.0",
            "recordedAt": "2026-11-22T08:00:03+08:00",
            "timeZone": "Asia/Shanghai",
            "answers": {"pain": 3},
            **changes,
        }
    )


def request(
    body: bytes | None = None,
    *,
    method: str = "POST",
    path: str = "/api/v1/reports",
    version: str = "1.1",
    without: Sequence[str] = (),
    **headers: str,
) -> bytes:
    """A request's bytes. Keyword arguments are header fields, with '_' for '-'."""
    fields = {"Host": "gateway"}
    if body is not None:
        fields |= {
            "Authorization": bearer(),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
    fields |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if name not in without]
    return f"{method} {path} HTTP/{version}\r\n{''.join(lines)}\r\n".encode() + (body or b"")


class FakeKafka:
    """Keeps what it is sent. Acknowledges at once, or only when told to; can be unreachable, or break."""

    def __init__(self) -> None:
        self.records: list[list[Record]] = [[] for _ in range(12)]
        self.opened = 0
        self.closed = 0
        self.reachable = True
        self.silent = False
        self.without_offsets = False
        self.pending: list[tuple[int, Sequence[Record], asyncio.Future[Ack]]] = []

    async def open(self) -> Producer:
        """A new producer, as the publisher asks for one."""
        if not self.reachable:
            raise ConnectionRefusedError
        self.opened += 1
        return _FakeProducer(self)

    def append(self, partition: int, records: Sequence[Record]) -> "FakeAck":
        """Write to the log."""
        log = self.records[partition]
        log.extend(records)
        if self.without_offsets:
            return FakeAck(-1, -1)
        return FakeAck(len(log) - len(records), int(time.time() * 1000))

    def speak(self) -> None:
        """Acknowledge what is pending, and from now on at once."""
        self.silent = False
        pending, self.pending = self.pending, []
        for partition, records, ack in pending:
            if not ack.done():
                ack.set_result(self.append(partition, records))

    def fail(self, error: Exception) -> None:
        """Fail what is pending."""
        pending, self.pending = self.pending, []
        for _, _, ack in pending:
            ack.set_exception(error)

    def values(self) -> list[bytes]:
        """Every value in the log."""
        return [record.value for log in self.records for record in log]


@dataclass(frozen=True)
class FakeAck:
    """What an acknowledgement tells."""

    offset: int
    timestamp: int


class _FakeProducer:
    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    async def send(self, partition: int, records: Sequence[Record]) -> "asyncio.Future[Ack]":
        ack: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        if self._kafka.silent:
            self._kafka.pending.append((partition, records, ack))
        else:
            ack.set_result(self._kafka.append(partition, records))
        return ack

    async def close(self, within: float) -> None:
        self._kafka.closed += 1
        for _, _, ack in self._kafka.pending:
            if not ack.done():
                ack.cancel()


class Answer(msgspec.Struct, frozen=True):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """Its body, read."""
        body: dict[str, object] = orjson.loads(self.body)
        return body

    @property
    def error(self) -> str:
        """A problem's title."""
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert problem["status"] == self.status
        assert problem["error"] == problem["title"]
        return str(problem["error"])


class Wire:
    """A TCP connection to a gateway: sends bytes, reads answers in their order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer, '100 Continue' included; ``head`` where it answers a HEAD."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }
        length = 0 if head else int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.reader.readline(), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
            return Answer(status, headers, body)
        return Answer(status, headers, await self.reader.readexactly(length))

    async def closed(self) -> bool:
        """Whether the gateway has ended the connection; waits until it does."""
        with contextlib.suppress(ConnectionResetError):
            return await self.reader.read(1) == b""
        return True

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class RunningGateway:
    """A gateway that serves on a port of its own."""

    def __init__(self, server: GatewayServer, stop: asyncio.Event, running: "asyncio.Task[None]") -> None:
        self.server = server
        self.stop = stop
        self.running = running
        self._wires: list[Wire] = []

    @property
    def gateway(self) -> Gateway:
        """Its parts."""
        return self.server.gateway

    async def connect(self) -> Wire:
        """Open a connection, closed after the test."""
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.server.port))
        self._wires.append(wire)
        return wire

    async def ask(self, data: bytes) -> Answer:
        """Send a request on a connection of its own and return the answer."""
        wire = await self.connect()
        await wire.send(data)
        return await wire.answer()

    async def until_ready(self) -> None:
        """Wait until reports are taken."""
        await until(lambda: self.server.port is not None and self.gateway.not_ready_because() is None)

    async def close(self) -> None:
        """Stop it as SIGTERM does."""
        for wire in self._wires:
            await wire.close()
        self.stop.set()
        await self.running


@contextlib.asynccontextmanager
async def running_gateway(
    open_producer: OpenProducer | None = None, *, ready: bool = True, **settings: object
) -> AsyncIterator[RunningGateway]:
    """Run a gateway while the block runs."""
    chosen = GatewaySettings.model_validate(
        {
            "KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "token_keys_file": "unused",
            "port": 0,
            "admin_port": 0,
            "drain_delay": 0,
            "linger_ms": 1,
            **settings,
        }
    )
    stop = asyncio.Event()
    server = GatewayServer(bootstrap(chosen, KEYS, open_producer), chosen)
    running = RunningGateway(server, stop, asyncio.create_task(server.run(stop)))
    try:
        await until(lambda: server.port is not None)
        if ready:
            await running.until_ready()
        yield running
    finally:
        await running.close()
