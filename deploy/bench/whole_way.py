"""The whole way: CPU of every process from the POST to the committed transaction, for each report."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from deploy.bench.measured import NotMeasurable, cpu_seconds
from deploy.bench.pace import Pace, slowness
from deploy.bench.shapes import Shape, Spread, spread
from deploy.local.state import Stack
from loadtest.burst import Clock, Plan, Sent, committed, look, send_burst
from loadtest.client import Patience
from loadtest.reports import Assignment
from loadtest.wire import loopback_target

GOAL_US: Final = 110.0
_IDLE_S: Final = 3.0
_SETTLE_S: Final = 60.0
_PATIENCE: Final = Patience(retry=True, timeout=30.0, give_up=60.0)


class WholeWay(msgspec.Struct, frozen=True):
    """CPU in µs for each accepted report, by process, while a burst goes through; the client's apart.

    ``seconds`` is how long a round took, from the first POST to the last commit. ``idle_us`` is what the same
    processes spend when nothing happens, over the same time, for comparison; it is not taken off.
    ``token_us`` is what PyJWT took around the rounds, ``at_pace_us`` a round's total divided by its slowness.
    """

    shape: Shape
    reports: int
    rounds: int
    seconds: float
    cpu_us: dict[str, Spread]
    idle_us: dict[str, float]
    total_us: Spread
    token_us: Spread
    at_pace_us: Spread
    client_us: float
    p50_ms: float
    p99_ms: float

    @property
    def met(self) -> bool:
        """Whether the goal is met here, by what was measured."""
        return self.total_us.median <= GOAL_US

    @property
    def met_at_pace(self) -> bool:
        """Whether it would be at the pace of the machine where it was set, as far as PyJWT tells."""
        return self.at_pace_us.median <= GOAL_US


class Round(msgspec.Struct, frozen=True):
    """One burst that went through: CPU in µs a report by process, what PyJWT took, how long it all took."""

    sent: Sent
    cpu_us: dict[str, float]
    token_us: float
    seconds: float

    @property
    def total_us(self) -> float:
        """Of all processes together."""
        return sum(self.cpu_us.values())


async def measure(
    stack: Stack,
    shape: Shape,
    bursts: Sequence[Sequence[Assignment]],
    pace: Pace,
    clock: Clock,
    tell: Callable[[str], None],
) -> WholeWay:
    """Send bursts through a running stack; the first warms up (the broker's JIT) and is not counted.

    A round ends when the ledger has every report of it; only then is each one looked for. No two bursts may
    answer the same visits: a report that completes nothing costs less.

    Raises:
        NotMeasurable: not every report got through.
    """
    pids = {part: process.pid for part, process in stack.processes.items()}
    idle = await _idle(pids)
    rounds = []
    for number, reporters in enumerate(bursts):
        before = pace()
        one = await _round(stack, pids, shape, reporters, number, clock)
        one = msgspec.structs.replace(one, token_us=(before + pace()) / 2)
        tell(
            f"{shape.name}, round {number or 'to warm up'}: {one.total_us:.1f} µs a report in "
            f"{one.seconds:.1f} s, PyJWT {one.token_us:.0f} µs"
        )
        rounds.append(one)
    return whole_way(shape, len(bursts[0]), rounds[1:], idle)


def whole_way(
    shape: Shape, reports: int, rounds: Sequence[Round], idle_per_second: Mapping[str, float]
) -> WholeWay:
    """What some rounds come to. ``idle_per_second``: CPU seconds of each process while nothing happens."""
    seconds = median(one.seconds for one in rounds)
    latencies = [one.sent.latency for one in rounds if one.sent.latency]
    return WholeWay(
        shape=shape,
        reports=reports,
        rounds=len(rounds),
        seconds=round(seconds, 1),
        cpu_us={part: spread([one.cpu_us[part] for one in rounds]) for part in idle_per_second},
        idle_us={part: round(idle * seconds / reports * 1e6, 2) for part, idle in idle_per_second.items()},
        total_us=spread([one.total_us for one in rounds]),
        token_us=spread([one.token_us for one in rounds]),
        at_pace_us=spread([one.total_us / slowness(one.token_us) for one in rounds]),
        client_us=median(one.sent.client_cpu_us for one in rounds),
        p50_ms=median(one.p50 for one in latencies),
        p99_ms=median(one.p99 for one in latencies),
    )


async def _round(
    stack: Stack,
    pids: Mapping[str, int],
    shape: Shape,
    reporters: Sequence[Assignment],
    seed: int,
    clock: Clock,
) -> Round:
    before, begun = _cpu(pids), time.monotonic()
    sent = await send_burst(
        loopback_target(stack.gateway),
        reporters,
        Plan(len(reporters) / shape.rate, patience=_PATIENCE, pool=256, seed=seed),
        clock,
        lambda done, total: None,
    )
    if sent.interrupted:
        raise asyncio.CancelledError
    await committed(sent, stack.database, _SETTLE_S)
    after, seconds = _cpu(pids), time.monotonic() - begun
    verdict = await look(sent, stack.database, _SETTLE_S, lambda done, total: None)
    if verdict.projected != len(reporters) or not verdict.ok:
        raise NotMeasurable(
            f"{len(reporters)} reports, {verdict.projected} projected, {len(verdict.lost)} lost, "
            f"{verdict.quarantined} quarantined: {sent.errors}"
        )
    costs = {part: (after[part] - before[part]) / len(reporters) * 1e6 for part in pids}
    return Round(sent, costs, 0.0, seconds)


async def _idle(pids: Mapping[str, int]) -> dict[str, float]:
    before = _cpu(pids)
    await asyncio.sleep(_IDLE_S)
    after = _cpu(pids)
    return {part: (after[part] - before[part]) / _IDLE_S for part in pids}


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {part: cpu_seconds(pid) for part, pid in pids.items()}
