"""A whole burst of morning reports, proven to have arrived; then small ones, every minute."""

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from deploy.cli.study_database import DatabaseRefused
from deploy.demo.alarms import DIARIES, answering, small_burst, watched_sites
from deploy.demo.stage import (
    BASELINE,
    EVENING,
    MORNING,
    apply_demo_study,
    assignments,
    enrol_demo_patients,
    ensure_demo_users,
)
from deploy.local.state import Stack, StackNotRunning, running_stack
from loadtest.burst import Clock, Plan, look, send_burst
from loadtest.client import Patience
from loadtest.ledger import LedgerUnreachable
from loadtest.reports import Assignment
from loadtest.summary import Result, last_line
from loadtest.wire import loopback_target
from projections.study.model import Study

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

_PATIENCE: Final = Patience(retry=True, timeout=15.0, give_up=60.0)
_SETTLE_S: Final = 60.0
_FIRST_S: Final = 20.0
_MINUTE_S: Final = 60.0
_SMALL_OVER_S: Final = 5.0
_SMALL_BURSTS_A_MINTING: Final = 60
_QUESTIONNAIRES_A_SITE: Final = 10
_OPEN_ALERTS: Final = "select level, count(*) as alerts from alerts where state = 'open' group by level"


class Demo(msgspec.Struct, frozen=True):
    """How large it is: patients, the seconds of their burst, and the reports a minute after it."""

    data: Path
    patients: int
    over: float
    small_burst: int


async def set_stage(demo: Demo, clock: Clock, say: Say, bar: Bar) -> tuple[Study, list[Assignment]]:
    """Study, staff, patients, and everybody's morning report that is due; a few of them raise alerts."""
    study = await apply_demo_study(demo.data, clock())
    new_logins = await ensure_demo_users(demo.data, study)
    say(f"  ✓ study: {study.study_id} {study.version} ({study.purpose}), {len(study.sites)} sites")
    with bar("Enrolment") as progress:
        enrolled = await enrol_demo_patients(demo.data, study, demo.patients, clock(), progress)
    before = f", {len(enrolled.already):,} were there already" if enrolled.already else ""
    say(f"  ✓ enrolment: {enrolled.patients:,} patients with {enrolled.visits:,} visits{before}")
    say(f"  ✓ logins: {'new' if new_logins else 'as before'}")
    due = await assignments(demo.data, study, demo.patients, MORNING, clock())
    for line in windows(due):
        say(f"  ✓ due: {line}")
    return study, answering(due, watched_sites(study), DIARIES)


async def proven_burst(
    stack: Stack, due: Sequence[Assignment], over: float, clock: Clock, bar: Bar
) -> Result:
    """One report of each within ``over`` seconds; then every report is looked for in the ledger.

    Raises:
        asyncio.CancelledError: it was interrupted while it was sent.
    """
    plan = Plan(over, patience=_PATIENCE, seed=secrets.randbits(32))
    with bar("Reports") as progress:
        sent = await send_burst(loopback_target(stack.gateway), due, plan, clock, progress)
    if sent.interrupted:
        raise asyncio.CancelledError
    with bar("Ledger") as progress:
        return Result(sent, await look(sent, stack.database, _SETTLE_S, progress))


async def questionnaires(demo: Demo, study: Study, now: datetime) -> list[Assignment]:
    """The questionnaires due at the watched sites, of their first patients."""
    sites = watched_sites(study)
    among = min(demo.patients, _QUESTIONNAIRES_A_SITE * len(study.sites))
    due = await assignments(demo.data, study, among, BASELINE, now)
    return [one for one in due if one.siteId in sites]


async def evening_bursts(demo: Demo, study: Study, clock: Clock, say: Say) -> None:
    """Every minute, some phones that were offline tell of an evening.

    Returns where a report was lost, invented or doubled: nothing is sent after that.
    """
    loop = asyncio.get_running_loop()
    sites = watched_sites(study)
    waiting: list[Assignment] = []
    asked: list[Assignment] = []
    begun = loop.time() + _FIRST_S - _MINUTE_S
    for number in itertools.count():
        await asyncio.sleep(_MINUTE_S - (loop.time() - begun) % _MINUTE_S)
        try:
            if number % _SMALL_BURSTS_A_MINTING == 0 or not waiting:
                waiting = await assignments(demo.data, study, demo.patients, EVENING, clock())
                asked = await questionnaires(demo, study, clock())
            chosen = small_burst(waiting, asked, sites, number, demo.small_burst)
            result = await proven_burst(running_stack(demo.data), chosen, _SMALL_OVER_S, clock, no_bar)
        except (LedgerUnreachable, StackNotRunning, DatabaseRefused, OSError) as error:
            say(f"{clock():%H:%M:%S} UTC  nothing could be sent or looked for ({type(error).__name__})")
            continue
        say(f"{clock():%H:%M:%S} UTC  phones that were offline in the evening: {last_line(result)}")
        if not result.verdict.ok:
            return


async def open_alerts(database_url: str) -> str:
    """How many alerts wait to be acknowledged, by level, the gravest first."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(_OPEN_ALERTS)
    finally:
        await connection.close()
    counts = {row["level"]: row["alerts"] for row in rows}
    return ", ".join(f"{counts.get(level, 0)} {level}" for level in ("critical", "urgent", "routine"))


@contextmanager
def no_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Where nobody watches."""
    yield lambda done, total: None


def windows(due: Sequence[Assignment]) -> Iterator[str]:
    """For each zone, how many reports are due, and of which window by the clocks there."""
    counts = Counter((one.timeZone, one.opensAt, one.closesAt) for one in due)
    for (zone, opens_at, closes_at), count in sorted(counts.items()):
        opens, closes = opens_at.astimezone(ZoneInfo(zone)), closes_at.astimezone(ZoneInfo(zone))
        yield f"{count:,} reports in {zone}, of {opens:%Y-%m-%d %H:%M} to {closes:%H:%M}"
