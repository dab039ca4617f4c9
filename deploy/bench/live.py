"""Live push under load: sockets of every site open while a burst goes through the whole stack.

Measured is the time from the broker's ``receivedAt``, when a report was durable, to a socket's, on one clock.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import msgspec
import psutil

from deploy.bench.measured import NotMeasurable, cpu_seconds
from deploy.bench.run import BASELINE
from deploy.demo.stage import MORNING, apply_demo_study, assignments, enrol_demo_patients, study_database
from deploy.demo.users import COORDINATOR, INVESTIGATOR
from deploy.local.state import Stack, token_keys_file
from ingest_gateway.auth.keys import load_keys
from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, LIFETIME_S, Claims, issue
from loadtest.burst import Clock, Plan, allow_open_files, committed, send_burst
from loadtest.client import Patience
from loadtest.live import Frame, Reader, open_readers
from loadtest.reports import Assignment
from loadtest.wire import loopback_target
from projections.sql import queries

RATE: Final = 2_000.0
_SETTLE_S: Final = 60.0
_SPARE_FILES: Final = 1_024
_PERMISSIONS: Final = tuple(sorted({*INVESTIGATOR, *COORDINATOR}))


class LiveFigures(msgspec.Struct, frozen=True):
    """What came of it. ``missing``, ``twice`` and ``foreign`` have to be 0.

    Times in ms, to the socket: from durable, and of alerts also from being raised (``raised``).
    """

    sockets: int
    sites: int
    reports: int
    alerts: int
    deliveries: int
    missing: int
    twice: int
    foreign: int
    alert_p50_ms: float
    alert_p99_ms: float
    raised_p50_ms: float
    raised_p99_ms: float
    visit_p50_ms: float
    visit_p99_ms: float
    kib_per_socket: float
    api_cpu_s: float
    mib_sent: float


class Heard:
    """Everything that the readers of known sites heard."""

    def __init__(self) -> None:
        self.site_of: dict[Reader, str] = {}
        self.alerts: defaultdict[Reader, Counter[str]] = defaultdict(Counter)
        self.alert_ms: list[float] = []
        self.raised_ms: list[float] = []
        self.visit_ms: list[float] = []
        self.foreign = 0

    def __call__(self, reader: Reader, frame: Frame, now: float) -> None:
        """Note a frame."""
        site = self.site_of.get(reader)
        for event in frame.events:
            if event.siteId != site:
                self.foreign += 1
            elif event.type == "alert.raised" and event.data.alertId:
                self.alerts[reader][event.data.alertId] += 1
                self.alert_ms.append(_since(event.data.receivedAt or event.at, now))
                self.raised_ms.append(_since(event.at, now))
            elif event.type == "visit.completed":
                self.visit_ms.append(_since(event.at, now))

    def forget_times(self) -> None:
        """What was heard so far was warming up."""
        self.alert_ms.clear()
        self.raised_ms.clear()
        self.visit_ms.clear()


async def measure_live(
    stack: Stack, sockets: int, reports: int, clock: Clock, tell: Callable[[str], None]
) -> LiveFigures:
    """Open sockets spread over the demo study's sites, send a burst, and compare with the database.

    Raises:
        NotMeasurable: the burst did not get through.
    """
    data = Path(stack.dataDir)
    study = await apply_demo_study(data, clock())
    tell(f"enrolling {reports:,} patients")
    await enrol_demo_patients(data, study, reports, clock(), lambda done, total: None)
    warming = await assignments(data, study, reports, BASELINE, clock())
    reporters = await assignments(data, study, reports, MORNING, clock())
    sites = [site.id for site in study.sites]
    tokens = await _staff_tokens(data, sites, sockets, clock())
    allow_open_files(sockets + _SPARE_FILES)
    api = stack.processes["api"].pid
    heard = Heard()
    target = loopback_target(stack.api)
    before = psutil.Process(api).memory_info().rss
    tell(f"opening {sockets:,} sockets")
    readers = await open_readers(target.host, target.port, tokens, heard)
    heard.site_of |= {reader: sites[place % len(sites)] for place, reader in enumerate(readers)}
    memory = psutil.Process(api).memory_info().rss - before
    tell("warming up")
    await _burst(stack, warming[: reports // 4], clock)
    earlier = await _raised(stack.database)
    await _settled(heard, earlier)
    heard.forget_times()
    cpu = cpu_seconds(api)
    tell(f"sending {reports:,} reports in {reports / RATE:.0f} s")
    await _burst(stack, reporters, clock)
    raised = await _raised(stack.database)
    missing = await _settled(heard, raised)
    cpu = cpu_seconds(api) - cpu
    for reader in readers:
        reader.close()
    alert_ms, raised_ms, visit_ms = map(sorted, (heard.alert_ms, heard.raised_ms, heard.visit_ms))
    return LiveFigures(
        sockets=sockets,
        sites=len(sites),
        reports=reports,
        alerts=sum(map(len, raised.values())) - sum(map(len, earlier.values())),
        deliveries=len(alert_ms),
        missing=missing,
        twice=sum(count - 1 for counts in heard.alerts.values() for count in counts.values()),
        foreign=heard.foreign,
        alert_p50_ms=_quantile(alert_ms, 0.5),
        alert_p99_ms=_quantile(alert_ms, 0.99),
        raised_p50_ms=_quantile(raised_ms, 0.5),
        raised_p99_ms=_quantile(raised_ms, 0.99),
        visit_p50_ms=_quantile(visit_ms, 0.5),
        visit_p99_ms=_quantile(visit_ms, 0.99),
        kib_per_socket=round(memory / sockets / 1024, 1),
        api_cpu_s=round(cpu, 1),
        mib_sent=round(sum(reader.bytes for reader in readers) / 2**20, 1),
    )


def live_lines(figures: LiveFigures) -> list[str]:
    """What to print."""
    f = figures
    wrong = "  <- has to be 0" if f.missing or f.twice or f.foreign else ""
    alerts = f"alerts p50 {f.alert_p50_ms:.0f}, p99 {f.alert_p99_ms:.0f} (goal 2,000)"
    visits = f"visits p50 {f.visit_p50_ms:.0f}, p99 {f.visit_p99_ms:.0f}"
    return [
        f"{f.sockets:,} sockets over {f.sites} sites, {f.reports:,} reports, {f.alerts} alerts",
        f"  deliveries {f.deliveries:,}; missing {f.missing}, twice {f.twice}, foreign {f.foreign}{wrong}",
        f"  durable to socket, ms: {alerts}; {visits}",
        f"  raised to socket, ms: p50 {f.raised_p50_ms:.0f}, p99 {f.raised_p99_ms:.0f}",
        f"  memory {f.kib_per_socket} KiB a socket; read API {f.api_cpu_s} s CPU, {f.mib_sent} MiB pushed",
    ]


async def _burst(stack: Stack, reporters: Sequence[Assignment], clock: Clock) -> None:
    """Send it, and wait until it is committed.

    Raises:
        NotMeasurable: it was not.
    """
    plan = Plan(len(reporters) / RATE, patience=Patience(retry=True, timeout=30.0, give_up=60.0))
    sent = await send_burst(loopback_target(stack.gateway), reporters, plan, clock, lambda done, total: None)
    if not await committed(sent, stack.database, _SETTLE_S):
        raise NotMeasurable(f"Not every report was committed: {sent.errors}")


async def _staff_tokens(data: Path, sites: Sequence[str], sockets: int, now: datetime) -> list[str]:
    """A doctor for each site, and a login of its own for each socket, sites in turn."""
    sql = queries("study")
    users = [f"bench-{site}" for site in sites]
    many = len(users)
    async with study_database(data) as connection:
        await connection.execute(
            sql["save_staff"], users, users, ["doctor"] * many, [None] * many, [" ".join(_PERMISSIONS)] * many
        )
        await connection.execute(sql["save_staff_sites"], users, list(sites))
    ring, issued = load_keys(token_keys_file(data)), int(now.timestamp())
    return [
        issue(
            Claims(
                userId=users[place % many],
                role="doctor",
                iss=ISSUER,
                aud=AUDIENCE,
                iat=issued,
                exp=issued + LIFETIME_S,
                jti=str(uuid4()),
                sid=str(uuid4()),
                sites=(sites[place % many],),
                permissions=_PERMISSIONS,
            ),
            ring,
        )
        for place in range(sockets)
    ]


async def _raised(database: str) -> dict[str, set[str]]:
    """The ids of every alert there is, by site."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("select site_id, alert_id from alerts")
    finally:
        await connection.close()
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row["site_id"]].add(str(row["alert_id"]))
    return found


async def _settled(heard: Heard, raised: dict[str, set[str]]) -> int:
    """How many deliveries are missing, once none is or a minute has gone by."""
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    while True:
        missing = sum(
            len(raised.get(site, set()) - heard.alerts[reader].keys())
            for reader, site in heard.site_of.items()
        )
        if not missing or asyncio.get_running_loop().time() > deadline:
            return missing
        await asyncio.sleep(0.2)


def _since(instant: str, now: float) -> float:
    return (now - datetime.fromisoformat(instant).timestamp()) * 1000


def _quantile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0
