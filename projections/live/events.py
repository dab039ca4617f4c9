"""Outbox events as sockets get them: encoded once, with what decides who may see them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

COUNTERS: Final = "board.counters"
_DEFAULT: Final = "patients.read"
_MOVES_COUNTERS: Final = frozenset({"visit.begun", "visit.completed"})
_NEEDS: Final = {"report.quarantined": "quarantine.read", COUNTERS: "board.read"}
PERMISSIONS: Final = frozenset({_DEFAULT, *_NEEDS.values()})
"""The permissions that decide what a socket gets."""


class LiveEvent(msgspec.Struct, frozen=True, gc=False):
    """One event. ``raw`` is its JSON; ``slot`` the window whose counters it moves."""

    site: str
    permission: str
    raw: bytes
    slot: int | None = None


class Batch(msgspec.Struct, frozen=True):
    """A numbered outbox batch: the events that belong to a site."""

    number: int
    events: tuple[LiveEvent, ...]


class Counters(msgspec.Struct, frozen=True):
    """The sums of one window at one site."""

    site: str
    slot: int
    completed: int
    late: int
    partial: int


class _Data(msgspec.Struct, frozen=True):
    slotId: int | None = None


class _Head(msgspec.Struct, frozen=True):
    type: str
    siteId: str | None = None
    data: _Data = _Data()


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_head = msgspec.json.Decoder(_Head)


def read_events(events: str) -> tuple[LiveEvent, ...]:
    """The events of outbox.events as JSON text; what belongs to no site is for no socket."""
    return tuple(event for raw in _raws.decode(events) if (event := read_event(bytes(raw))) is not None)


def read_event(raw: bytes) -> LiveEvent | None:
    """One event, or None where it belongs to no site."""
    head = _head.decode(raw)
    if head.siteId is None:
        return None
    slot = head.data.slotId if head.type in _MOVES_COUNTERS else None
    return LiveEvent(head.siteId, _NEEDS.get(head.type, _DEFAULT), raw, slot)


def counters_event(counters: Counters, cursor: str, at: datetime) -> LiveEvent:
    """The event that says how a window stands. Its id is the same in every process."""
    raw = msgspec.json.encode(
        {
            "id": f"{cursor}-{counters.site}-{counters.slot}-{COUNTERS}",
            "type": COUNTERS,
            "siteId": counters.site,
            "at": at,
            "data": {
                "slotId": counters.slot,
                "completed": counters.completed,
                "late": counters.late,
                "partial": counters.partial,
            },
        }
    )
    return LiveEvent(counters.site, _NEEDS[COUNTERS], raw, counters.slot)


def slots_of(events: Iterable[LiveEvent]) -> list[tuple[str, int]]:
    """The (site, window) whose counters these events move, sorted."""
    return sorted({(event.site, event.slot) for event in events if event.slot is not None})


def frame(events: Iterable[LiveEvent], cursor: str, as_of: datetime | None) -> str:
    """A frame's text."""
    stamp = msgspec.json.encode(as_of)
    body = b",".join(event.raw for event in events)
    return (b'{"events":[' + body + b'],"cursor":"' + cursor.encode() + b'","asOf":' + stamp + b"}").decode()


def resync(cursor: str) -> str:
    """The frame that tells a reader to read everything again."""
    return msgspec.json.encode({"resync": True, "cursor": cursor}).decode()
