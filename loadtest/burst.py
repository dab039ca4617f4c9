"""The burst: every patient reports once, and afterwards every report is accounted for."""

import asyncio
import contextlib
import gc
import hashlib
import resource
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final, Literal

import msgspec

from ingest_gateway.contracts.topics import REPORTS
from loadtest.account import WRONG_RECEIPT, Latency, Told, Verdict, judge, latency, told_of
from loadtest.arrivals import PROFILES
from loadtest.client import Delivery, OpenLoop, Patience, Progress
from loadtest.ledger import Ledger, settled_rows, until_committed
from loadtest.reports import Assignment, PreparedReport, prepare_report
from loadtest.wire import Target, report_request

Connections = Literal["keep-alive", "one-each"]
Clock = Callable[[], datetime]

_SPARE_FILES: Final = 64
_ID_BITS: Final = 74


class TooFewFiles(RuntimeError):
    """The system lets this process open fewer sockets than the burst needs."""

    exit_code = 2


class Plan(msgspec.Struct, frozen=True):
    """How a burst is sent. Times in seconds; ``seed`` decides order, arrivals and answers, never ids."""

    over: float
    profile: str = "uniform"
    connections: Connections = "keep-alive"
    pool: int = 512
    patience: Patience = Patience()
    seed: int = 0


class Sent(msgspec.Struct, frozen=True):
    """A burst that has been sent: what every sender was told, and how the client fared.

    ``connections`` is the most that were open at once. ``client_cpu_us`` is CPU in µs for each report sent.
    """

    started: datetime
    told: list[Told]
    sent: int
    errors: dict[str, int]
    latency: Latency | None
    lateness: Latency | None
    connections: int
    seconds: float
    client_cpu_us: float
    interrupted: bool

    @property
    def accepted(self) -> int:
        """How many reports got a 202 with their receipt."""
        return sum(one.outcome == "accepted" for one in self.told)


async def send_burst(
    target: Target, assignments: Sequence[Assignment], plan: Plan, clock: Clock, progress: Progress
) -> Sent:
    """Send one report of each assignment, open loop.

    Everything is built before the first one is due. Cancelling it (Ctrl-C) returns what is known by then.

    Raises:
        TooFewFiles: this process may open no sockets.
    """
    random = Random(plan.seed)  # noqa: S311 - a reproducible load, no secret
    reports = _prepare(assignments, clock(), random)
    keep_alive = plan.connections == "keep-alive"
    connections = allow_open_files(min(len(reports), plan.pool) if keep_alive else len(reports))
    dues = PROFILES[plan.profile](len(reports), plan.over, random)
    deliveries = [
        Delivery(due, report_request(target, report.assignment.token, report.body, keep_alive=keep_alive))
        for due, report in zip(dues, reports, strict=True)
    ]
    loop = OpenLoop(
        target,
        plan.patience,
        connections=connections,
        keep_alive=keep_alive,
        wall_clock=lambda: clock().timestamp(),
        random=random,
    )
    started, cpu, begun = clock(), time.process_time(), time.monotonic()
    gc.freeze()  # what was prepared stays until the end: no pauses to look through it
    interrupted = False
    try:
        await loop.run(deliveries, progress)
    except asyncio.CancelledError:
        interrupted = True
    finally:
        gc.unfreeze()
    cpu, seconds = time.process_time() - cpu, time.monotonic() - begun
    return _account(started, reports, deliveries, loop, cpu, seconds, interrupted=interrupted)


async def look(
    sent: Sent, database_url: str, settle: float, progress: Progress, topic: str = REPORTS
) -> Verdict:
    """Look for every report of a burst in the ledger, and judge.

    Raises:
        LedgerUnreachable: the database cannot be asked.
    """
    ledger = Ledger(database_url, sent.started, topic)
    try:
        return judge(sent.told, await settled_rows(ledger, sent.told, settle, progress))
    finally:
        await ledger.close()


async def committed(sent: Sent, database_url: str, settle: float) -> bool:
    """Wait, at next to no cost for the database, until the worker has applied all that was accepted."""
    ledger = Ledger(database_url, sent.started)
    try:
        return await until_committed(ledger, sent.told, settle, lambda done, total: None)
    finally:
        await ledger.close()


async def refuse_production_studies(
    database_url: str, assignments: Sequence[Assignment], now: datetime
) -> None:
    """Make sure, before anything is sent, that none of the patients is in a production study.

    Raises:
        ProductionStudy: naming one.
        LedgerUnreachable: the database cannot be asked.
    """
    ledger = Ledger(database_url, now, patience=5.0)
    try:
        await ledger.refuse_production({assignment.studyId for assignment in assignments})
    finally:
        await ledger.close()


def utc_now() -> datetime:
    """The wall clock, for those who run a burst."""
    return datetime.now(UTC)


def allow_open_files(connections: int) -> int:
    """Raise this process's limit on open files, and return how many of so many sockets it leaves room for.

    Only root may raise the hard limit. Reports beyond it wait in the client, and their latency counts that.

    Raises:
        TooFewFiles: there is room for none.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        for limit in ((needed, hard if _covers(hard, needed) else needed), (hard, hard)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
                break
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = connections if _covers(soft, needed) else soft - _SPARE_FILES
    if room < 1:
        raise TooFewFiles(f"This process may open {soft} files: too few for a burst.")
    return room


def _covers(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed


def _prepare(assignments: Sequence[Assignment], now: datetime, random: Random) -> list[PreparedReport]:
    """A report each, in an order of their own; the run's device is new, so its sequence starts at 1."""
    device = f"loadtest-{secrets.token_hex(4)}"
    order = list(assignments)
    random.shuffle(order)
    return [prepare_report(one, now, device, random, secrets.randbits(_ID_BITS)) for one in order]


def _account(
    started: datetime,
    reports: Sequence[PreparedReport],
    deliveries: Sequence[Delivery],
    loop: OpenLoop,
    cpu: float,
    seconds: float,
    *,
    interrupted: bool,
) -> Sent:
    told = [
        told_of(report, hashlib.sha256(report.body).hexdigest(), delivery)
        for report, delivery in zip(reports, deliveries, strict=True)
    ]
    errors = dict(loop.errors)
    answered = [delivery for delivery in deliveries if delivery.answer is not None]
    accepted = sum(one.outcome == "accepted" for one in told)
    if len(answered) > accepted:
        errors[WRONG_RECEIPT] = len(answered) - accepted
    attempted = [delivery for delivery in deliveries if delivery.attempts]
    return Sent(
        started=started,
        told=told,
        sent=len(attempted),
        errors=errors,
        latency=latency([delivery.latency for delivery in answered if delivery.latency is not None]),
        lateness=latency([delivery.lateness for delivery in attempted]),
        connections=loop.most_open,
        seconds=round(seconds, 3),
        client_cpu_us=round(cpu / max(1, len(attempted)) * 1e6, 1),
        interrupted=interrupted,
    )
