"""Live push over real sockets: who hears what, once each, and when a socket is closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.conftest import Database
from tests.integration.projections.conftest import NOW, World
from tests.integration.projections.sockets import Push, Reader, closed, event, hello, pushing
from tests.waiting import patiently

BOTH = ("S-01", "S-02")


@pytest.fixture
async def push(world: World, database: Database) -> AsyncIterator[Push]:
    async with pushing(world, database) as made:
        yield made


# What is heard --------------------------------------------------------------------------------------------


async def test_an_event_reaches_its_sites_readers_and_the_cursor_moves_for_everybody(push: Push) -> None:
    mine, both = push.world.doctor(), push.world.doctor("coord.all", BOTH)
    async with push.reader(mine) as one, push.reader(both) as two:
        assert one.frames[0]["events"] == []
        await push.write([event(1)], [event(2, "S-02")])
        await two.until("e-2")
        await one.until("e-1")
        while one.cursor != two.cursor:
            await one.frame()  # the heartbeat: nothing for this reader, but its cursor covers it
        assert one.ids() == ["e-1"]
        assert two.ids() == ["e-1", "e-2"]
        assert one.events()[0] == event(1)


async def test_nothing_of_another_site_is_in_any_frame(push: Push) -> None:
    async with (
        push.reader(push.world.doctor()) as mine,
        push.reader(push.world.doctor("coord.all", BOTH)) as all_,
    ):
        for number in range(30):
            await push.write([event(number, "S-02" if number % 3 else "S-01")])
        await all_.until("e-29")
        await mine.until("e-27")
        assert "S-02" not in json.dumps(mine.frames)
        assert mine.ids() == [f"e-{number}" for number in range(0, 30, 3)]
    async with push.reader(push.world.doctor("coord.all", BOTH), sites=["S-02"]) as narrowed:
        await push.write([event(100), event(101, "S-02")])
        await narrowed.until("e-101")
        assert narrowed.ids() == ["e-101"]


async def test_quarantines_and_counters_ask_for_their_permissions(push: Push) -> None:
    slot = await push.world.add_slot(NOW)
    events = [
        event(1, kind="report.quarantined"), event(2, kind="visit.completed", slotId=slot), event(3),
    ]  # fmt: skip
    await push.world.owner.execute(
        "insert into slot_counts (site_id, slot_id, shard, on_time) values ('S-01', $1, 0, 1)", slot
    )
    everything, little = push.world.doctor(), push.world.doctor(permissions=("patients.read",))
    async with push.reader(everything) as one, push.reader(little) as two:
        await push.write(events)
        await one.until("e-3")
        await two.until("e-3")
        kinds = ["report.quarantined", "visit.completed", "alert.raised", "board.counters"]
        assert [each["type"] for each in one.events()] == kinds
        assert two.ids() == ["e-2", "e-3"]


async def test_counters_are_sums_of_all_shards_once_per_frame(push: Push) -> None:
    slot = await push.world.add_slot(NOW)
    for shard, counts in ((-1, (0, 0, 0)), (0, (3, 1, 2)), (7, (2, 0, 1))):
        await push.world.owner.execute(
            "insert into slot_counts (site_id, slot_id, shard, on_time, late, partial)"
            " values ('S-01', $1, $2, $3, $4, $5)",
            slot, shard, *counts,
        )  # fmt: skip
    async with push.reader(push.world.doctor()) as reader:
        await push.write([event(n, kind="visit.completed", slotId=slot) for n in range(5)])
        await reader.until("e-4")
        [counters] = reader.events("board.counters")
        assert counters["siteId"] == "S-01"
        assert counters["data"] == {"slotId": slot, "completed": 6, "late": 1, "partial": 3}
        cursor = reader.cursor
    async with push.reader(push.world.doctor(), cursor) as again:
        assert again.ids() == []
    async with push.reader(push.world.doctor(), cursor.rpartition(".")[0] + ".0") as again:
        assert len(again.ids("visit.completed")) == 5
        assert again.events("board.counters") == [counters]


async def test_a_frame_is_encoded_once_per_scope_however_many_sockets(push: Push) -> None:
    def encoded() -> float:
        counter = push.live.services.metrics.live.encoded
        [metric] = counter.collect()
        return next(sample.value for sample in metric.samples if sample.name.endswith("_total"))

    mine, both = push.world.doctor(), push.world.doctor("coord.all", BOTH)
    push.live.hub.heartbeat = lambda as_of: None  # type: ignore[method-assign]
    async with asyncio.TaskGroup() as group, patiently():
        ready: asyncio.Queue[None] = asyncio.Queue()
        go = asyncio.Event()

        async def listen(headers: dict[str, str]) -> None:
            async with push.reader(headers) as reader:
                ready.put_nowait(None)
                await reader.until("e-1")
            await go.wait()

        tasks = [group.create_task(listen(headers)) for headers in [mine] * 20 + [both] * 10]
        for _ in tasks:
            await ready.get()
        before = encoded()
        await push.write([event(1)])
        go.set()
        await asyncio.wait(tasks)
        assert encoded() - before == 2


# Coming back ----------------------------------------------------------------------------------------------


async def test_whoever_comes_back_with_a_cursor_misses_nothing_and_gets_nothing_twice(push: Push) -> None:
    seen: list[str] = []
    cursor: str | None = None
    number = 0
    for _ in range(6):
        async with push.reader(push.world.doctor(), cursor) as reader:
            for _ in range(4):
                await push.write([event(number), event(number + 1)], [event(number + 2, "S-02")])
                number += 3
            while len(reader.ids()) < 3:
                await reader.frame()
            seen += reader.ids()
            cursor = reader.cursor
            reader.socket.transport.abort()  # not even a close
        await push.write([event(number)])
        number += 1
    async with push.reader(push.world.doctor(), cursor) as reader:
        await push.write([event(10_000)])
        await reader.until("e-10000")
        seen += reader.ids()
    written = await push.world.owner.fetch(
        "select e ->> 'id' from outbox, jsonb_array_elements(events) e where e ->> 'siteId' = 'S-01'"
    )
    assert sorted(seen) == sorted(row[0] for row in written)
    assert len(seen) == len(set(seen))


async def test_a_killed_listening_connection_is_not_noticed(push: Push) -> None:
    async with push.reader(push.world.doctor()) as reader:
        for number in range(12):
            if number % 4 == 1:
                await push.kill_feed()
            await push.write([event(number)])
            await asyncio.sleep(0.12 if number % 2 else 0)
            if number % 4 == 3:
                await reader.until(f"e-{number}")
        assert reader.ids() == [f"e-{number}" for number in range(12)]
        assert not any("resync" in frame for frame in reader.frames)


async def test_what_memory_no_longer_holds_is_replayed_from_the_outbox(push: Push) -> None:
    slot = await push.world.add_slot(NOW)
    async with push.reader(push.world.doctor()) as reader:
        cursor = reader.cursor
        for number in range(0, 120, 2):
            kind = {"kind": "visit.completed", "slotId": slot} if number == 0 else {}
            await push.write([event(number, **kind), event(number + 1, "S-02")])  # type: ignore[arg-type]
        await reader.until("e-118")
    assert push.live.hub.since > 0
    async with push.reader(push.world.doctor(), cursor) as again:
        assert [each for each in again.ids() if each.startswith("e-")] == reader.ids("visit.completed") + [
            f"e-{number}" for number in range(2, 120, 2)
        ]
        assert "S-02" not in json.dumps(again.frames)
        await push.write([event(500)])
        await again.until("e-500")


async def test_a_cursor_of_another_history_or_too_far_back_gets_a_resync(push: Push) -> None:
    await push.write([event(1)])
    async with push.reader(push.world.doctor()) as reader:
        epoch = reader.cursor.rpartition(".")[0]
        while reader.cursor != f"{epoch}.1":
            await reader.frame()  # what was written is on its way here
    for cursor in (f"{epoch}.999", "0000.1", "", "nonsense", f"{epoch}.-1", f"{epoch}." + "9" * 30, "1.2.3"):
        async with push.reader(push.world.doctor(), cursor) as reader:
            assert reader.frames == [{"resync": True, "cursor": f"{epoch}.1"}], cursor
    push.live.replays._most_events = 3
    await push.write(*([event(number)] for number in range(100)))
    async with push.reader(push.world.doctor()) as reader:
        await push.write([event(200)])
        await reader.until("e-200")
    async with push.reader(push.world.doctor(), f"{epoch}.1") as reader:
        assert reader.frames[0]["resync"] is True


async def test_a_new_epoch_tells_everybody_to_begin_again(push: Push) -> None:
    async with push.reader(push.world.doctor()) as reader:
        await push.write([event(1)])
        await reader.until("e-1")
        old = reader.cursor
        await push.new_epoch()
        while not (frame := await reader.frame()).get("resync"):
            pass
        assert frame["cursor"].rpartition(".")[0] != old.rpartition(".")[0]
        await push.write([event(2)])
        await reader.until("e-2")


async def test_a_slow_reader_is_closed_as_such_and_resumes_by_its_cursor(
    world: World, database: Database
) -> None:
    async with pushing(world, database, most_frames=4) as push:
        async with connect(push.url, max_size=None, max_queue=1) as socket:
            await socket.send(hello(world.doctor()))
            slow = Reader(socket)
            await slow.frame()
            async with push.reader(world.doctor()) as quick:
                number = 0
                while push.live.sockets and len(push.live.sockets) > 1:
                    await push.write([event(number, text="x" * 1_000_000)])
                    await quick.until(f"e-{number}")
                    number += 1
                    assert number < 60
                assert quick.ids() == [f"e-{each}" for each in range(number)]
            assert await closed(slow) == 1013
        assert slow.ids() == [f"e-{each}" for each in range(len(slow.ids()))]
        async with push.reader(world.doctor(), slow.cursor) as again:
            await again.until(f"e-{number - 1}")
            assert slow.ids() + again.ids() == quick.ids()


async def test_a_reader_who_never_reads_again_is_hung_up_on(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.read_api.live_connection.UNREAD_S", 0.3)
    async with pushing(world, database, most_frames=1_000) as push:
        async with connect(push.url, max_size=None, max_queue=1, close_timeout=1) as socket:
            await socket.send(hello(world.doctor()))
            asleep = Reader(socket)
            await asleep.frame()
            number = 0
            while push.live.sockets and number < 60:
                await push.write([event(number, text="x" * 1_000_000)])
                await asyncio.sleep(0.1)
                number += 1
            assert not push.live.sockets
            with pytest.raises(ConnectionClosed) as caught:
                await asleep.until("nothing is ever called that")
            assert caught.value.rcvd is None
        async with push.reader(world.doctor(), asleep.cursor) as again:
            await again.until(f"e-{number - 1}")
            assert asleep.ids() + again.ids() == [f"e-{each}" for each in range(number)]


async def test_heartbeats_come_without_events(push: Push) -> None:
    async with push.reader(push.world.doctor()) as reader:
        await push.world.owner.execute("update offsets set seen_until = $1", NOW - timedelta(seconds=5))
        frame = await reader.frame()
        assert frame["events"] == []
        assert frame["cursor"] == reader.frames[0]["cursor"]
