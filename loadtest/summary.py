"""What a burst's account looks like, for people and for scripts. Pure."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from loadtest.account import Latency, Verdict
from loadtest.burst import Sent

_SHOWN: Final = 10


class Result(msgspec.Struct, frozen=True):
    """A burst and, where it could be looked for, the judgement."""

    sent: Sent
    verdict: Verdict

    @property
    def ok(self) -> bool:
        """Nothing lost, invented or doubled, and something was accepted: an empty run proves nothing."""
        return self.verdict.ok and self.verdict.accepted > 0

    @property
    def complete(self) -> bool:
        """Every report of the burst was accepted and is projected."""
        return self.ok and self.verdict.projected == len(self.sent.told)


def last_line(result: Result) -> str:
    """The whole account in one line."""
    verdict = result.verdict
    return (
        f"{result.sent.sent} sent, {verdict.accepted} accepted, "
        f"{verdict.projected} projected, {len(verdict.lost)} lost"
    )


def sending_lines(sent: Sent) -> Iterator[str]:
    """How the sending went."""
    yield _line("sent", f"{sent.sent} of {len(sent.told)} in {sent.seconds:.1f} s, {_connections(sent)}")
    yield _line("202", str(sent.accepted))
    for kind, count in sorted(sent.errors.items(), key=lambda item: -item[1]):
        yield _line("errors", f"{count} attempts: {kind}")
    if sent.latency is not None:
        yield _line("latency", f"{_percentiles(sent.latency)}, from when each was meant to be sent")
    if sent.lateness is not None:
        yield _line("client", f"{sent.client_cpu_us} µs CPU a report; late by {_percentiles(sent.lateness)}")


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """What the ledger says, and which reports it says it of."""
    yield _line("accepted", str(verdict.accepted))
    yield _line("projected", str(verdict.projected))
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(verdict.quarantined.items()))
    yield _line("quarantined", reasons or "0")
    if verdict.landed_unknown:
        yield _line("landed", f"{verdict.landed_unknown} whose senders never heard so")
    for name, ids in (("lost", verdict.lost), ("invented", verdict.invented), ("doubled", verdict.doubled)):
        more = ", …" if len(ids) > _SHOWN else ""
        yield _line(name, f"{len(ids)}: {', '.join(ids[:_SHOWN])}{more}" if ids else "0")


def document(result: Result) -> dict[str, Any]:
    """The account as JSON has it."""
    sent, verdict = result.sent, result.verdict
    return {
        "ok": result.ok,
        "reports": len(sent.told),
        "sent": sent.sent,
        "accepted": verdict.accepted,
        "projected": verdict.projected,
        "quarantined": verdict.quarantined,
        "lost": verdict.lost,
        "invented": verdict.invented,
        "doubled": verdict.doubled,
        "landedUnknown": verdict.landed_unknown,
        "errors": sent.errors,
        "latencyMs": msgspec.to_builtins(sent.latency),
        "latenessMs": msgspec.to_builtins(sent.lateness),
        "connections": sent.connections,
        "seconds": sent.seconds,
        "clientCpuUs": sent.client_cpu_us,
        "interrupted": sent.interrupted,
    }


def _line(name: str, text: str) -> str:
    return f"{name:<12} {text}"


def _connections(sent: Sent) -> str:
    return f"over at most {sent.connections} connection{'' if sent.connections == 1 else 's'} at once"


def _percentiles(values: Latency) -> str:
    return (
        f"p50 {values.p50:.1f}, p90 {values.p90:.1f}, p99 {values.p99:.1f}, p99.9 {values.p999:.1f}, "
        f"max {values.max:.1f} ms"
    )
