"""A whole burst of morning reports, proven to have arrived; then small ones, every minute."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from deploy.demo.stage import (
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
_MINUTE_S: Final = 60.0
_SMALL_OVER_S: Final = 5.0
_SMALL_BURSTS_A_MINTING: Final = 60


class Demo(msgspec.Struct, frozen=True):
    """How large it is: patients, the seconds of their burst, and the reports a minute after it."""

    data: Path
    patients: int
    over: float
    small_burst: int


async def set_stage(demo: Demo, clock: Clock, say: Say, bar: Bar) -> tuple[Study, list[Assignment]]:
    """Study, staff, patients, and everybody's morning report that is due."""
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
    return study, due


async def morning_burst(
    stack: Stack, due: Sequence[Assignment], over: float, clock: Clock, bar: Bar
) -> Result:
    """Everybody reports, within ``over`` seconds; then every report is looked for in the ledger."""
    plan = Plan(over, patience=_PATIENCE, seed=secrets.randbits(32))
    with bar("Reports") as progress:
        sent = await send_burst(loopback_target(stack.gateway), due, plan, clock, progress)
    if sent.interrupted:
        raise asyncio.CancelledError
    with bar("Ledger") as progress:
        return Result(sent, await look(sent, stack.database, _SETTLE_S, progress))


async def evening_bursts(demo: Demo, study: Study, clock: Clock, say: Say) -> bool:
    """Every minute, some phones that were offline tell of an evening; until cancelled or the stack stops.

    Returns:
        False where a report was lost, invented or doubled; nothing is sent after that.
    """
    number = 0
    waiting: list[Assignment] = []
    while True:
        await asyncio.sleep(_MINUTE_S)
        try:
            stack = running_stack(demo.data)
            if number % _SMALL_BURSTS_A_MINTING == 0:
                waiting = await assignments(demo.data, study, demo.patients, EVENING, clock())
            chosen = batch_of(waiting, number, demo.small_burst)
            plan = Plan(_SMALL_OVER_S, patience=_PATIENCE, seed=secrets.randbits(32))
            sent = await send_burst(
                loopback_target(stack.gateway), chosen, plan, clock, lambda done, total: None
            )
            if sent.interrupted:
                raise asyncio.CancelledError
            result = Result(sent, await look(sent, stack.database, _SETTLE_S, lambda done, total: None))
        except StackNotRunning:
            say("The stack was stopped; so ends the demonstration.")
            return True
        except (LedgerUnreachable, OSError) as error:
            say(f"{clock():%H:%M:%S}  nothing could be sent or looked for ({type(error).__name__})")
            continue
        say(f"{clock():%H:%M:%S} UTC  phones that were offline in the evening: {last_line(result)}")
        number += 1
        if not result.verdict.ok:
            return False


def batch_of(waiting: Sequence[Assignment], number: int, size: int) -> list[Assignment]:
    """The ``number``-th small burst: the next patients, beginning anew after the last; nobody twice."""
    size = min(size, len(waiting))
    return [waiting[(number * size + position) % len(waiting)] for position in range(size)]


def windows(due: Sequence[Assignment]) -> Iterator[str]:
    """For each zone, how many reports are due, and of which window by the clocks there."""
    counts = Counter((one.timeZone, one.opensAt, one.closesAt) for one in due)
    for (zone, opens_at, closes_at), count in sorted(counts.items()):
        opens, closes = opens_at.astimezone(ZoneInfo(zone)), closes_at.astimezone(ZoneInfo(zone))
        yield f"{count:,} reports in {zone}, of {opens:%Y-%m-%d %H:%M} to {closes:%H:%M}"
