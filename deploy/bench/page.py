"""What the benchmark prints: figures, goals, and whether they are met. Pure."""

from collections.abc import Iterator
from typing import Any

import msgspec

from deploy.bench.pace import GOALS_WERE_SET_AT_US, slowness
from deploy.bench.profiles import Profile
from deploy.bench.run import Result
from deploy.bench.shapes import Spread
from deploy.bench.versus import GOAL, Comparison
from deploy.bench.whole_way import GOAL_US, WholeWay


def page(result: Result) -> Iterator[str]:
    """The whole page, line by line."""
    yield f"With {result.python}"
    yield ""
    yield from _versus(result.versus)
    for way in result.whole_way:
        yield ""
        yield from _whole_way(way)
    for profile in result.profiles:
        yield ""
        yield from _profile(profile)


def document(result: Result) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "python": result.python,
        "versus": [{**msgspec.to_builtins(one), "met": one.met} for one in result.versus],
        "ratioGoal": GOAL,
        "wholeWay": [
            {**msgspec.to_builtins(one), "met": one.met, "metAtPace": one.met_at_pace}
            for one in result.whole_way
        ],
        "wholeWayGoalUs": GOAL_US,
        "profiles": msgspec.to_builtins(result.profiles),
    }


def _versus(comparisons: list[Comparison]) -> Iterator[str]:
    first = comparisons[0]
    yield "The gateway against its peer (FastAPI, pydantic, PyJWT, aiokafka send_and_wait)"
    yield f"CPU of the process, µs for each 202; {first.rounds} rounds of {first.reports:,} reports by turns,"
    yield "keep-alive, every token verified: median (lowest to highest)"
    yield f"  {'offered':<21}{'gateway':>25}{'peer':>29}{'ratio':>26}"
    for one in comparisons:
        gateway, peer = one.cpu_us["gateway"], one.cpu_us["peer"]
        yield f"  {one.shape.name:<21}{_spread(gateway):>25}{_spread(peer):>29}{_spread(one.ratio, 3):>26}"
    yield f"  goal: a ratio of at most {GOAL}, {first.shape.name}: {_met(met=first.met)}"


def _whole_way(way: WholeWay) -> Iterator[str]:
    yield f"The whole way, from the POST to the committed transaction, {way.shape.name}: CPU in µs a report"
    yield f"{way.rounds} rounds of {way.reports:,}, {way.seconds:g} s each: median (lowest to highest)"
    total = way.total_us.median
    for part, cost in sorted(way.cpu_us.items(), key=lambda item: -item[1].median):
        share = cost.median / total if total else 0.0
        yield f"  {part:<12}{_spread(cost):>25}{share:>8.0%}   ({way.idle_us[part]:.1f} of it when idle)"
    yield f"  {'total':<12}{_spread(way.total_us):>25}"
    yield f"  {'(client)':<12}{way.client_us:>8.1f}"
    yield f"  latency of the 202s: p50 {way.p50_ms:.1f} ms, p99 {way.p99_ms:.1f} ms"
    yield f"  goal: at most {GOAL_US:g} µs: {_met(met=way.met)}"
    times = slowness(way.token_us.median)
    yield (
        f"  pace: PyJWT verified a token in {_spread(way.token_us)} µs around these rounds, "
        f"{times:.1f} times the {GOALS_WERE_SET_AT_US:g} µs it took where the goal was set"
    )
    yield (
        f"  total divided by that, round by round: {_spread(way.at_pace_us)} µs at the pace of the machine "
        f"where the goal was set: {_met(met=way.met_at_pace, where='there')}"
    )


def _profile(profile: Profile) -> Iterator[str]:
    yield f"Where the {profile.part}'s time goes ({profile.reports:,} reports, the profiler's cost included)"
    yield f"  {'own µs':>8}{'with callees':>14}{'calls':>8}  function"
    for line in profile.lines:
        yield f"  {line.own_us:>8.2f}{line.with_callees_us:>14.2f}{line.calls:>8.2f}  {line.function}"


def _spread(values: Spread, digits: int = 1) -> str:
    return f"{values.median:.{digits}f} ({values.low:.{digits}f} to {values.high:.{digits}f})"


def _met(*, met: bool, where: str = "here") -> str:
    return "met" if met else f"not met {where}"
