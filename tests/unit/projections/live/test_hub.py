"""The hub without a server: scopes, joining in the middle, what is kept, and readers who are too slow."""

import asyncio
import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from projections.live.events import (
    PERMISSIONS,
    Batch,
    Counters,
    LiveEvent,
    counters_event,
    read_events,
    slots_of,
)
from projections.live.hub import Hub, Position, read_cursor
from projections.live.metrics import LiveMetrics
from projections.live.subscriber import TOO_SLOW, Ended, Scope, Subscriber

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SITES = ("S-1", "S-2", "S-3")


def hub(**limits: int) -> Hub:
    made = Hub(LiveMetrics(CollectorRegistry()), **limits)
    made.begin("e", 0)
    return made


def scope(*sites: str, permissions: frozenset[str] = PERMISSIONS) -> Scope:
    return Scope(frozenset(sites), permissions)


def alert(number: int, site: str) -> LiveEvent:
    return LiveEvent(site, "patients.read", json.dumps({"id": number, "siteId": site}).encode())


async def frames(subscriber: Subscriber, most: int = 1_000) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while subscriber.waiting and len(found) < most:
        found.append(json.loads(await subscriber.next_frame()))
    return found


async def ids(subscriber: Subscriber) -> list[int]:
    return [event["id"] for frame in await frames(subscriber) for event in frame.get("events", ())]


@given(st.integers(), st.integers(2, 40), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_whoever_leaves_and_comes_back_at_any_time_hears_each_event_of_its_sites_once(
    seed: int, batches: int, kept: int
) -> None:
    asyncio.run(_come_and_go(Random(seed), batches, kept))  # noqa: S311


async def _come_and_go(random: Random, batches: int, kept: int) -> None:
    made = hub(kept_batches=kept)
    mine = scope(*random.sample(SITES, random.randint(1, 3)))
    first = Subscriber(mine, 1_000)
    made.join(first, None)
    reader: Subscriber | None = first
    heard: list[int] = []
    expected: list[int] = []
    cursor = 0
    resynced = False
    for number in range(1, batches):
        events = tuple(
            alert(number * 10 + each, random.choice(SITES)) for each in range(random.randint(0, 3))
        )
        expected += [json.loads(event.raw)["id"] for event in events if event.site in mine.sites]
        made.publish([Batch(number, events)], [], NOW)
        if reader is not None and random.random() < 0.3:
            for frame in await frames(reader, random.randint(0, 4)):
                heard += [event["id"] for event in frame.get("events", ())]
                cursor = int(frame["cursor"].partition(".")[2])
            made.leave(reader)  # what was queued after the last frame read is lost with the connection
            reader = None
        if reader is None and random.random() < 0.5:
            reader = Subscriber(mine, 1_000)
            if cursor >= made.since:
                made.join(reader, cursor)
            else:
                resynced = True
                made.join_afresh(reader)
    if reader is None:
        reader = Subscriber(mine, 1_000)
        if cursor < made.since:
            return
        made.join(reader, cursor)
    heard += await ids(reader)
    assert len(heard) == len(set(heard))
    if not resynced:
        assert heard == expected


async def test_a_scope_is_encoded_once_and_hears_nothing_else() -> None:
    made = hub()
    one, two, other, blind = (
        Subscriber(each, 10)
        for each in (scope("S-1"), scope("S-1"), scope("S-2", "S-3"), scope("S-1", permissions=frozenset()))
    )
    for subscriber in (one, two, other, blind):
        made.join(subscriber, None)
        await frames(subscriber)
    made.publish([Batch(1, (alert(1, "S-2"), alert(2, "S-1"), alert(3, "S-3"), alert(4, "S-2")))], [], None)
    assert await ids(other) == [1, 3, 4]
    assert await ids(blind) == []
    first, second = await one.next_frame(), await two.next_frame()
    assert first is second
    assert json.loads(first)["cursor"] == "e.1"


async def test_the_newest_counters_of_what_was_missed_are_told_again_and_no_others() -> None:
    made = hub()
    for number, completed in ((1, 5), (2, 6), (3, 9)):
        visit = LiveEvent("S-1", "patients.read", b'{"id":1}', slot=7 if number < 3 else 8)
        counted = counters_event(Counters("S-1", visit.slot or 0, completed, 0, 0), f"e.{number}", NOW)
        made.publish([Batch(number, (visit,))], [counted], NOW)
    late = Subscriber(scope("S-1"), 10)
    made.join(late, 1)
    [frame] = await frames(late)
    counters = [event["data"] for event in frame["events"] if event.get("type") == "board.counters"]
    assert [(each["slotId"], each["completed"]) for each in counters] == [(7, 6), (8, 9)]


async def test_a_reader_who_lets_frames_pile_up_is_ended_and_the_others_are_not() -> None:
    made = hub()
    slow, quick = Subscriber(scope("S-1"), 3), Subscriber(scope("S-1"), 3)
    told: list[bool] = []
    slow.when_ended = lambda: told.append(True)
    made.join(slow, None)
    made.join(quick, None)
    for number in range(1, 6):
        made.publish([Batch(number, (alert(number, "S-1"),))], [], None)
        await frames(quick)
    assert told == [True]
    with pytest.raises(Ended) as ended:
        await slow.next_frame()
    assert ended.value.code == TOO_SLOW
    assert not quick.ended


async def test_a_changed_scope_forgets_what_was_queued() -> None:
    made = hub()
    reader = Subscriber(scope("S-1", "S-2"), 10)
    made.join(reader, None)
    made.publish([Batch(1, (alert(1, "S-2"),))], [], None)
    made.change_scope(reader, scope("S-1"))
    made.publish([Batch(2, (alert(2, "S-2"), alert(3, "S-1")))], [], None)
    first, *rest = await frames(reader)
    assert first == {"resync": True, "cursor": "e.1"}
    assert [event["id"] for frame in rest for event in frame["events"]] == [3]
    made.leave(reader)
    made.leave(reader)
    assert made.subscribers() == []


async def test_another_epoch_or_a_head_that_went_back_begins_everything_again() -> None:
    for epoch, batch in (("f", 9), ("e", 1)):
        made = hub()
        reader = Subscriber(scope("S-1"), 10)
        made.join(reader, None)
        made.publish([Batch(number, ()) for number in (1, 2, 3)], [], None)
        await frames(reader)
        made.begin("e", 5)  # the same history: the feed reads on, nobody is told anything
        assert await frames(reader) == []
        made.begin(epoch, batch)
        assert await frames(reader) == [{"resync": True, "cursor": f"{epoch}.{batch}"}]
        assert made.since == batch


def test_what_is_kept_is_bounded_by_batches_and_by_events() -> None:
    by_batches, by_events = hub(kept_batches=3), hub(kept_events=4)
    for number in range(1, 11):
        batch = Batch(number, tuple(alert(number, "S-1") for _ in range(2)))
        by_batches.publish([batch], [], None)
        by_events.publish([batch], [], None)
    assert by_batches.since == 7
    assert by_events.since == 8


def test_only_what_was_a_cursor_is_read_as_one() -> None:
    assert read_cursor("ab12.7") == Position("ab12", 7)
    for wrong in ("", ".", "7", ".7", "e.", "e.-1", "e.1x", "e.٣", "e." + "9" * 19):
        assert read_cursor(wrong) is None, wrong


def test_events_without_a_site_are_for_nobody_and_only_completed_visits_move_counters() -> None:
    events = read_events(
        json.dumps(
            [
                {"type": "report.quarantined", "siteId": None, "data": {"reason": "unreadable"}},
                {"type": "report.quarantined", "siteId": "S-1", "data": {"reason": "conflict"}},
                {"type": "visit.completed", "siteId": "S-1", "data": {"slotId": 7}},
                {"type": "alert.raised", "siteId": "S-2", "data": {"slotId": 9}},
            ]
        )
    )
    assert [(event.site, event.permission) for event in events] == [
        ("S-1", "quarantine.read"),
        ("S-1", "patients.read"),
        ("S-2", "patients.read"),
    ]
    assert slots_of(events) == [("S-1", 7)]
