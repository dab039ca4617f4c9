"""Records that Postgres refuses, and Postgres refusing everything."""

from tests.integration.stream_workers.world import World

POISON = "alter table ledger add constraint no_poison check (patient_id is distinct from 'P-7')"


async def test_records_the_database_refuses_are_found_and_quarantined_alone(world: World) -> None:
    await world.owner.execute(POISON)
    places = await world.send_reports(*range(1, 30), 7, *range(30, 40))

    async with world.worker() as worker:
        await world.applied()
        assert worker.metric("eightbells_worker_bisections_total") > 0

    rows = await world.rows(*places)
    refused = [row for row in rows if row["disposition"] == "quarantined"]
    assert {row["reason"] for row in refused} == {"refused_by_database"}
    assert [b"P-7" in row["value"] for row in refused] == [True, True]
    assert sum(row["disposition"] == "accepted" for row in rows) == len(places) - 2
    await world.clean()


async def test_a_missing_privilege_stops_the_worker_and_nothing_is_skipped(world: World) -> None:
    await world.owner.execute("revoke insert on seals from eightbells_worker")
    await world.send_reports(1, 2)
    async with world.worker() as worker:
        assert "42501" in await world.stopped(worker)
        assert worker.metric("eightbells_worker_stopped") == 1
    assert await world.owner.fetchval("select count(*) from ledger") == 0

    await world.owner.execute("grant insert on seals to eightbells_worker")
    await world.apply()
    await world.clean()


async def test_a_ledger_without_a_partition_for_a_row_stops_the_worker(world: World) -> None:
    months = await world.owner.fetch(
        "select inhrelid::regclass::text from pg_inherits where inhparent = 'ledger'::regclass"
    )
    for month in months:
        await world.owner.execute(f"alter table ledger detach partition {month[0]}")
    await world.send_reports(1)
    async with world.worker() as worker:
        assert "23514" in await world.stopped(worker)


async def test_too_many_quarantines_in_a_minute_stop_the_worker_before_it_diverts_more(world: World) -> None:
    await world.send(*(world.record(b"not JSON") for _ in range(20)))
    async with world.worker(quarantine_limit=15, max_batch_records=10) as worker:
        assert "quarantines" in await world.stopped(worker)
    assert await world.owner.fetchval("select count(*) from ledger") == 10


async def test_one_sender_of_nonsense_stops_nobody_else(world: World) -> None:
    reports = [world.report(1, instrument=f"unheard-of-{number}") for number in range(40)]
    await world.send(*(world.record(report, 1) for report in reports))
    await world.send_reports(2)
    await world.apply(quarantine_limit=15, max_batch_records=10)
    await world.clean()


async def test_a_few_poisoned_records_among_good_ones_stop_nothing(world: World) -> None:
    await world.send_reports(*range(1, 40))
    await world.send(*(world.record(b"not JSON", 3) for _ in range(20)))
    await world.apply(quarantine_limit=15)
    await world.clean()


async def test_too_few_ledger_months_ahead_make_the_worker_unready_but_not_idle(world: World) -> None:
    await world.send_reports(1)
    async with world.worker(ledger_days_ahead=1000) as worker:
        await world.applied()
        while "month" not in (worker.health.readiness() or ""):
            await world.pause()
    await world.clean()
