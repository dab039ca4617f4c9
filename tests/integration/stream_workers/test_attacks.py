"""Records that no gateway would write, put straight into the topic: each gets its row, the log moves on."""

import json
import struct

import pytest
from aiokafka import TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from tests.integration.stream_workers.world import Record, World


async def test_every_kind_of_bad_record_gets_a_row_and_the_partition_moves_on(world: World) -> None:
    report = world.report()
    headers = world.record(report).headers
    home = world.record(report).partition

    def without(name: str) -> list[tuple[str, bytes]]:
        return [header for header in headers if header[0] != name]

    def having(name: str, value: bytes) -> list[tuple[str, bytes]]:
        return [*without(name), (name, value)]

    bad = {
        "unreadable": [
            world.record(b"not JSON"),
            world.record(b"\xff\xfe\x00"),
            world.record(b""),
            world.record(b'{"a":1}'),
            world.record(b"[" * 10_000),
            world.record(b"x" * 1_000_000),
            world.record(world.report(answers={"note": "y" * 1_000_000})),
            world.record(None),
            world.record(world.report(answers={"note": "nul \0"})),
            world.record(b'{"patientId":"P-1\x00"}', key=b"\x00\xff"),
        ],
        "unattributed": [
            world.record(world.report(), headers=[]),
            world.record(world.report(), headers=without("userId")),
            world.record(world.report(), headers=without("role")),
            world.record(world.report(), headers=having("role", b"root")),
            world.record(world.report(), headers=having("userId", b"")),
            world.record(world.report(), headers=having("userId", b"u\0")),
            world.record(world.report(), headers=having("userId", b"\xff")),
            world.record(world.report(), headers=[*headers, ("userId", b"u-P-2")]),
        ],
        "misrouted": [
            world.record(world.report(), partition=(home + 1) % 12),
            world.record(world.report(), key=b"P-2"),
            world.record(world.report(), key=None),
            world.record(world.report(), key=b""),
        ],
        "unknown_patient": [world.record(world.report("P-stranger"), "P-stranger")],
        "out_of_scope": [
            world.record(world.report(studyId="T")),
            world.record(world.report(), headers=having("userId", b"u-P-2")),
            world.record(world.report(), headers=having("role", b"admin")),
            world.record(world.report(), headers=having("role", b"doctor")),
        ],
        "unknown_instrument": [
            world.record(world.report(instrument="tarot")),
            world.record(world.report(instrumentVersion="9")),
        ],
        "outside_consent": [world.record(world.report(recordedAt="2020-01-01T00:00:00Z"))],
    }
    good = world.record(report)
    places = {reason: await world.send(*records) for reason, records in bad.items()}
    [last] = await world.send(good)

    await world.apply()

    for reason, where in places.items():
        for record, row in zip(bad[reason], await world.rows(*where), strict=True):
            assert (row["disposition"], row["reason"]) == ("quarantined", reason)
            assert row["value"] == record.value
    assert (await world.row(last))["disposition"] == "accepted"
    await world.clean()


async def test_odd_keys_and_headers_are_kept_and_the_gateways_own_are_not(world: World) -> None:
    report = world.report()
    odd = world.record(world.report(), key=b"\x00\xff", headers=[("x\0", b"\xff\0"), ("y", b"z")])
    plain, strange = await world.send(world.record(report), odd)

    await world.apply()

    row = await world.row(plain)
    assert (row["record_key"], row["headers"]) == (None, None)
    row = await world.row(strange)
    assert row["record_key"] == b"\x00\xff"
    assert json.loads(row["headers"]) == [["x␀", "/wA="], ["y", "eg=="]]
    await world.clean()


async def test_a_refused_sender_poisons_no_identity_and_its_retries_are_duplicates(world: World) -> None:
    report_id = "0192f0c1-7b3a-7cc0-8000-0123456789ab"
    foreign = world.report(1, reportId=report_id, onBehalfReason="phone lost", answers={"pain": 9})
    doctor = [("userId", b"dr-1"), ("role", b"doctor"), ("sentAt", b"2026-11-22T08:00:00Z")]
    own = world.report(1, reportId=report_id.upper())
    # P-1 is a patient of S-2, dr-1 works for S-1
    first, again, mine = await world.send(
        world.record(foreign, headers=doctor), world.record(foreign, headers=doctor), world.record(own)
    )

    await world.apply()

    refused, repeat, accepted = await world.rows(first, again, mine)
    assert (refused["disposition"], refused["reason"]) == ("quarantined", "out_of_scope")
    assert (repeat["disposition"], repeat["first_offset"]) == ("duplicate", refused["kafka_offset"])
    assert accepted["disposition"] == "accepted"
    await world.clean()


async def test_misrouted_and_unattributed_reports_own_no_identity(world: World) -> None:
    report = world.report()
    home = world.record(report).partition
    await world.send(world.record(report, partition=(home + 1) % 12), world.record(report, headers=[]))
    [own] = await world.send(world.record(report))

    await world.apply()

    assert (await world.row(own))["disposition"] == "accepted"
    await world.clean()


async def test_staff_speak_for_patients_of_their_site_with_a_reason(world: World) -> None:
    doctor = [("userId", b"dr-1"), ("role", b"doctor"), ("sentAt", b"2026-11-22T08:00:00Z")]
    theirs, unexplained = await world.send(
        world.record(world.report(2, onBehalfReason="phone lost"), 2, headers=doctor),
        world.record(world.report(4), 4, headers=doctor),
    )

    await world.apply()

    assert (await world.row(theirs))["disposition"] == "accepted"
    assert (await world.row(unexplained))["reason"] == "out_of_scope"


@pytest.mark.parametrize(
    "sent_at", [b"yesterday", b"0001-01-01T00:00:00+14:00", b"2026-11-22T08:00:00", b"\xff"]
)
async def test_an_odd_sent_at_costs_the_patient_nothing(world: World, sent_at: bytes) -> None:
    headers = [("userId", b"u-P-1"), ("role", b"patient"), ("sentAt", sent_at)]
    [place] = await world.send(world.record(world.report(), headers=headers))

    await world.apply()

    row = await world.row(place)
    assert row["disposition"] == "accepted"
    assert "sent_at_unreadable" in json.loads(row["flags"])["clock"]
    await world.clean()


def with_an_undecodable_header(record: Record) -> bytes:
    """The record as a batch of its own, with a header whose name is not UTF-8: our client cannot write it."""
    batch = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000_000)
    batch.append(0, 0, record.key, record.value, [("@@", b"")])
    framed = bytearray(batch.build())
    at = framed.index(b"@@")
    framed[at : at + 2] = b"\xff\xfe"
    struct.pack_into(">I", framed, 17, calc_crc32c(framed[21:]))
    return bytes(framed)


async def test_a_record_that_no_client_can_decode_stops_nobody(world: World) -> None:
    bad = world.record(world.report())
    await world.send_reports(1, 2, 3)
    batch = (bad.partition, with_an_undecodable_header(bad))
    client = world.producer.client
    for _ in range(2):
        node = client.cluster.leader_for_partition(TopicPartition(world.topic.name, bad.partition))
        await client.send(node, ProduceRequest(None, -1, 5000, [(world.topic.name, [batch])]))
        await world.send_reports(1, 2, 3)

    await world.apply()

    rows = await world.owner.fetch("select * from ledger where disposition = 'quarantined'")
    assert [(row["reason"], row["kafka_partition"], row["value"]) for row in rows] == [
        ("unreadable", bad.partition, None)
    ] * 2
    assert await world.owner.fetchval("select count(*) from ledger where disposition = 'accepted'") == 9
    await world.clean()
