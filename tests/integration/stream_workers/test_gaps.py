"""Offsets without a record: transaction markers at any place become alarmed gap rows."""

import secrets

from aiokafka import AIOKafkaProducer

from projections.log_ends import log_ends
from tests.integration.stream_workers.world import World


async def in_transaction(world: World, *, commit: bool, records: int = 2) -> None:
    """Send records of patient 1 in a transaction, end it, and wait for the marker: brokers write it later."""
    home = world.record(world.report(1)).partition
    before = (await log_ends(world.kafka, world.topic.name))[home]
    producer = AIOKafkaProducer(
        bootstrap_servers=world.kafka, transactional_id=f"eb-test-{secrets.token_hex(6)}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        for _ in range(records):
            one = world.record(world.report(1))
            await producer.send_and_wait(
                world.topic.name, one.value, one.key, headers=one.headers, partition=one.partition
            )
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()
    while (await log_ends(world.kafka, world.topic.name))[home] < before + records + 1:
        await world.pause()


async def test_markers_between_and_at_the_end_become_gap_rows(world: World) -> None:
    async with world.worker() as worker:
        await world.send_reports(1)
        await in_transaction(world, commit=True)
        await world.send_reports(1)
        await in_transaction(world, commit=False)
        await world.applied()
        assert worker.metric("eightbells_worker_gap_offsets_total") == 2

    rows = await world.owner.fetch("select * from ledger order by kafka_offset")
    assert [row["disposition"] for row in rows] == [
        "accepted", "accepted", "accepted", "gap", "accepted", "accepted", "accepted", "gap"
    ]  # fmt: skip
    gap = rows[3]
    assert gap["gap_until"] == gap["kafka_offset"]
    assert rows[2]["received_at"] <= gap["received_at"] <= rows[4]["received_at"]
    await world.clean()


async def test_a_marker_at_the_end_is_seen_without_a_record_after_it(world: World) -> None:
    home = world.record(world.report(1)).partition
    for _ in range(3):
        await in_transaction(world, commit=False, records=1)
    await world.apply()
    dispositions = await world.owner.fetch("select disposition, count(*) from ledger group by 1")
    assert dict(map(tuple, dispositions)) == {"accepted": 3, "gap": 3}
    await world.clean()

    await in_transaction(world, commit=True, records=1)
    await world.apply()
    result = await world.verified()
    [state] = [one for one in result.partitions if one.partition == home]
    assert (state.gap, state.next) == (4, 8)


async def test_an_open_transaction_holds_nothing_up(world: World) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=world.kafka, transactional_id=f"eb-test-{secrets.token_hex(6)}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        one = world.record(world.report(1))
        await producer.send_and_wait(
            world.topic.name, one.value, one.key, headers=one.headers, partition=one.partition
        )
        [after] = await world.send_reports(1)
        await world.apply()
        assert (await world.row(after))["disposition"] == "accepted"
        await producer.abort_transaction()
    finally:
        await producer.stop()
