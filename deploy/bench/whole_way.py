"""The whole way: CPU of every process from the POST to the committed transaction, for each report."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from deploy.bench.measured import NotMeasurable, cpu_seconds
from deploy.bench.versus import Spread, spread
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

    ``idle_us`` is what the same processes spend when nothing happens, over the same time, for comparison; it
    is not taken off.
    """

    reports: int
    rounds: int
    over: float
    cpu_us: dict[str, Spread]
    idle_us: dict[str, float]
    total_us: Spread
    client_us: float
    p50_ms: float
    p99_ms: float

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.total_us.median <= GOAL_US


async def measure(
    stack: Stack,
    bursts: Sequence[Sequence[Assignment]],
    over: float,
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
    costs: dict[str, list[float]] = {part: [] for part in pids}
    sent_rounds: list[Sent] = []
    for number, reporters in enumerate(bursts):
        before, begun = _cpu(pids), time.monotonic()
        sent = await send_burst(
            loopback_target(stack.gateway),
            reporters,
            Plan(over, patience=_PATIENCE, seed=number),
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
        round_costs = {part: (after[part] - before[part]) / len(reporters) * 1e6 for part in pids}
        tell(
            f"round {number or 'to warm up'}: {sum(round_costs.values()):.1f} µs a report in {seconds:.1f} s"
        )
        if number:
            sent_rounds.append(sent)
            for part in pids:
                costs[part].append(round_costs[part])
    share = over / _IDLE_S / len(bursts[0]) * 1e6
    return WholeWay(
        reports=len(bursts[0]),
        rounds=len(sent_rounds),
        over=over,
        cpu_us={part: spread(values) for part, values in costs.items()},
        idle_us={part: round(seconds * share, 2) for part, seconds in idle.items()},
        total_us=spread([sum(values) for values in zip(*costs.values(), strict=True)]),
        client_us=median(sent.client_cpu_us for sent in sent_rounds),
        p50_ms=median(sent.latency.p50 for sent in sent_rounds if sent.latency),
        p99_ms=median(sent.latency.p99 for sent in sent_rounds if sent.latency),
    )


async def _idle(pids: Mapping[str, int]) -> dict[str, float]:
    before = _cpu(pids)
    await asyncio.sleep(_IDLE_S)
    after = _cpu(pids)
    return {part: after[part] - before[part] for part in pids}


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {part: cpu_seconds(pid) for part, pid in pids.items()}
