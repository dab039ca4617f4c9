"""A crowd of sockets over forty sites during a burst: everybody in scope has every alert, nobody else any.

`eightbells bench --live` does the same with a thousand sockets and 20,000 reports through a whole stack.
"""

import asyncio
import time
from collections import Counter, defaultdict

import psutil

from loadtest.live import Frame, Reader, open_readers
from projections.read_api.identity import PERMISSIONS
from tests.conftest import Database
from tests.integration.projections.conftest import World
from tests.integration.projections.sockets import Event, event, pushing
from tests.waiting import patiently

SITES, SOCKETS, BATCHES, ALERTS, COMPLETED = 40, 200, 50, 200, 4_000


async def staff(world: World) -> tuple[list[str], list[str]]:
    """A doctor for each site, and one site's token for each socket."""
    sites = [f"C-{number:02}" for number in range(SITES)]
    tokens = []
    for site in sites:
        await world.owner.execute("insert into sites values ($1, 'EB-TEST', $1, 'Asia/Shanghai')", site)
        await world.add_user(f"dr.{site}", "doctor", (site,), password=False)
    for number in range(SOCKETS):
        site = sites[number % SITES]
        headers = world.sign(
            world.claims(f"dr.{site}", "doctor"), sites=(site,), permissions=tuple(PERMISSIONS)
        )
        tokens.append(headers["Authorization"].split()[1])
    return sites, tokens


def burst(sites: list[str], slot: int) -> list[list[Event]]:
    """Outbox batches as workers write them: completed visits, and an alert here and there."""
    per_batch, every = COMPLETED // BATCHES, BATCHES * SITES // ALERTS
    batches: list[list[Event]] = []
    number = 0
    for batch in range(BATCHES):
        events = [
            event(number + each, sites[each % SITES], "visit.completed", slotId=slot)
            for each in range(per_batch)
        ]
        number += per_batch
        alerts = [site for place, site in enumerate(sites) if (batch * SITES + place) % every == 0]
        events += [event(1_000_000 + batch * SITES + place, site) for place, site in enumerate(alerts)]
        batches.append(events)
    return batches


async def test_a_crowd_of_sockets_hears_every_alert_of_its_sites_once_and_no_other(
    world: World, database: Database
) -> None:
    sites, tokens = await staff(world)
    slot = await world.add_slot(world.clock())
    for site in sites:
        await world.owner.execute(
            "insert into slot_counts (site_id, slot_id, shard, on_time) values ($1, $2, 0, 500)", site, slot
        )
    batches = burst(sites, slot)
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for events in batches:
        for each in events:
            expected[str(each["siteId"])][str(each["id"])] += 1
    site_of: dict[Reader, str] = {}
    got: defaultdict[Reader, Counter[str]] = defaultdict(Counter)
    counted: dict[Reader, int | None] = {}
    foreign: list[str] = []
    committed: dict[str, float] = {}
    waits: list[float] = []

    def heard(reader: Reader, frame: Frame, now: float) -> None:
        site = site_of.get(reader)
        for each in frame.events:
            if each.siteId != site:
                foreign.append(each.siteId)
            elif each.type == "board.counters":
                counted[reader] = each.data.completed
            else:
                got[reader][each.id] += 1
                if each.type == "alert.raised":
                    waits.append(now - committed[each.id])

    before = psutil.Process().memory_info().rss
    async with pushing(world, database) as push:
        readers = await open_readers("127.0.0.1", push.port, tokens, heard)
        site_of |= {reader: sites[number % SITES] for number, reader in enumerate(readers)}
        memory = psutil.Process().memory_info().rss - before
        for events in batches:
            committed |= dict.fromkeys((str(each["id"]) for each in events), time.time())
            await push.write(events)
            await asyncio.sleep(0.05)
        async with patiently():
            while any(got[reader].total() < expected[site].total() for reader, site in site_of.items()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        for reader, site in site_of.items():
            assert got[reader] == expected[site]
            assert counted[reader] == 500
            assert reader.code is None
        for reader in readers:
            reader.close()
    assert foreign == []
    waits.sort()
    print(  # noqa: T201 - what the issue asks to be printed
        f"\n{SOCKETS} sockets, {len(waits)} alert deliveries: p50 {waits[len(waits) // 2] * 1000:.0f} ms, "
        f"p99 {waits[len(waits) * 99 // 100] * 1000:.0f} ms from commit; server and clients together "
        f"{memory / SOCKETS / 1024:.1f} KiB a socket"
    )
