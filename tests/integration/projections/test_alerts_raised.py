"""Which reports raise alerts on the way from the topic to Postgres, how they are marked; and only once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from ingest_gateway.contracts.topics import TopicSpec
from projections.alerts import alert_id
from tests.conftest import Database, Services
from tests.integration.projections.alerting import Ward
from tests.integration.projections.conftest import World


@pytest.fixture
async def ward(services: Services, database: Database, topic: TopicSpec, world: World) -> AsyncIterator[Ward]:
    producer = AIOKafkaProducer(bootstrap_servers=services.kafka)
    await producer.start()
    try:
        made = Ward(services.kafka, topic, database.role("eightbells_worker"), world.owner, producer)
        await made.prepare()
        yield made
    finally:
        await producer.stop()


async def test_an_alarming_answer_raises_an_alert_with_its_report(ward: Ward) -> None:
    quiet = await ward.send(ward.report(answers={"pain": 8, "temperature": 38.2}))
    place = await ward.send(ward.report(answers={"pain": 10, "temperature": 39}))
    metrics = await ward.apply()
    pain, fever = sorted(await ward.alerts(), key=lambda row: row["rule_id"], reverse=True)
    row = await ward.row(place)
    assert (pain["rule_id"], pain["item"], pain["level"]) == ("severe-pain", "pain", "routine")
    assert (fever["rule_id"], fever["item"], fever["level"]) == ("fever", "temperature", "urgent")
    for alert in (pain, fever):
        assert (alert["patient_id"], alert["site_id"], alert["study_id"]) == ("P-1", "S-01", "EB-TEST")
        assert (alert["report_id"], alert["recorded_at"]) == (row["report_id"], row["recorded_at"])
        assert (alert["received_at"], alert["kafka_offset"]) == (row["received_at"], row["kafka_offset"])
        assert (alert["visit_id"], alert["state"], alert["reason"]) == ("V-open", "open", None)
        assert alert["alert_id"] == alert_id("P-1", str(row["report_id"]), "diary", alert["rule_id"])
    assert (await ward.row(quiet))["disposition"] == "accepted"
    assert metrics.get_sample_value("eightbells_worker_alerts_total", {"level": "urgent"}) == 1


async def test_the_event_goes_out_with_the_report_and_without_the_answer(ward: Ward) -> None:
    await ward.send(ward.report(answers={"pain": 3, "temperature": 41.7}))
    await ward.apply()
    [event] = await ward.events()
    [alert] = await ward.alerts()
    assert event["id"] == f"{alert['alert_id']}-alert.raised"
    assert (event["siteId"], event["patientId"]) == ("S-01", "P-1")
    assert event["data"]["alertId"] == str(alert["alert_id"])
    assert event["data"]["delaySeconds"] == pytest.approx(120, abs=30)
    assert "41.7" not in json.dumps(event)
    row = await ward.owner.fetchrow(
        "select events, seals from outbox where events::text like '%alert.raised%'"
    )
    assert row is not None
    assert "visit.completed" in row["events"]
    assert json.loads(row["seals"])


async def test_reports_out_of_the_ordinary_raise_marked_alerts(ward: Ward) -> None:
    first = json.loads(ward.report())
    await ward.send(json.dumps(first).encode())
    await ward.send(ward.report(minutes_ago=1))
    await ward.send(ward.report(visitId="V-late", minutes_ago=1))
    await ward.send(ward.report(visitId=None, minutes_ago=60 * 24))
    await ward.send(ward.report(amends=first["reportId"], reason="typing error"))
    await ward.send(ward.report(minutes_ago=-60, visitId=None))
    await ward.send(ward.report(answers={"pain": 99}))
    await ward.apply()
    assert [(row["marks"], row["visit_id"]) for row in await ward.alerts()] == [
        ([], "V-open"),
        (["extra"], "V-open"),
        (["late"], "V-late"),
        (["unscheduled"], None),
        (["amendment"], "V-open"),
        (["extra", "clock_ahead"], "V-open"),
        (["extra", "out_of_range"], "V-open"),
    ]


async def test_quarantined_reports_of_enrolled_patients_raise_marked_alerts(ward: Ward) -> None:
    known = json.loads(ward.report(answers={"pain": 1}))
    await ward.send(json.dumps(known).encode())
    await ward.send(json.dumps(known | {"answers": {"pain": 10}}).encode())
    await ward.send(ward.report(minutes_ago=30 * 24 * 60))
    await ward.send(ward.report(studyId="OTHER"))
    await ward.send(ward.report(onBehalfReason="by phone"), "dr.chen", "admin")
    await ward.send(ward.report(), headers=False)
    await ward.send(ward.report(), misplaced=1)
    await ward.apply()
    alerts = {row["reason"]: row for row in await ward.alerts()}
    assert set(alerts) == {"conflict", "outside_consent", "out_of_scope", "unattributed", "misrouted"}
    assert all("quarantined" in row["marks"] for row in alerts.values())
    assert all((row["site_id"], row["patient_id"]) == ("S-01", "P-1") for row in alerts.values())
    assert len(await ward.alerts()) == 6


async def test_what_nobody_can_attribute_or_read_raises_nothing_and_stops_nothing(ward: Ward) -> None:
    await ward.send(ward.report("P-nobody"))
    await ward.send(ward.report(instrument="unknown"))
    await ward.send(ward.report(instrumentVersion="2"))
    await ward.send(b'{"answers": {"pain": 10}')
    await ward.send(ward.report(answers={"pain": "10", "temperature": None}))
    await ward.send(ward.report(answers={"pain": True, "temperature": ["41"]}))
    await ward.send(ward.report(answers={}))
    await ward.apply()
    assert await ward.alerts() == []
    assert await ward.owner.fetchval("select count(*) from ledger") == 7


async def test_a_repeat_raises_nothing(ward: Ward) -> None:
    report = ward.report()
    for _ in range(3):
        await ward.send(report)
    await ward.apply()
    await ward.send(report)
    await ward.apply()
    assert len(await ward.alerts()) == 1
    assert len(await ward.events()) == 1


async def test_replaying_the_whole_topic_raises_nothing_twice(ward: Ward) -> None:
    first = json.loads(ward.report(answers={"pain": 9, "temperature": 40}))
    await ward.send(json.dumps(first).encode())
    await ward.send(json.dumps(first | {"answers": {"pain": 10}}).encode())
    await ward.send(ward.report(), headers=False)
    await ward.send(ward.report(onBehalfReason="by phone"), "dr.chen", "admin")
    await ward.send(ward.report("P-2", amends=str(uuid4()), reason="corrected"))
    await ward.apply()
    await ward.owner.execute(
        "update alerts set acknowledged_at = now(), acknowledged_by = 'u', assessment = 'ae',"
        " assessed_at = now(), assessed_by = 'u' where alert_id = $1",
        (await ward.alerts())[0]["alert_id"],
    )
    await ward.owner.execute(
        "insert into adverse_events (adverse_event_id, alert_id, study_id, site_id, patient_id, term, grade,"
        " serious, onset, reported_at, reported_by)"
        " select gen_random_uuid(), alert_id, study_id, site_id, patient_id, 'fever', 2, false, current_date,"
        " now(), 'u' from alerts where state = 'assessed'"
    )
    adverse_events = await ward.owner.fetch("select * from adverse_events")
    before, events = await ward.alerts(), await ward.events()
    assert (len(before), len(events), len(adverse_events)) == (5, 5, 1)
    rows = await ward.owner.fetchval("select count(*) from ledger")
    await ward.forget_the_ledger()
    await ward.apply()
    assert await ward.owner.fetchval("select count(*) from ledger") == rows
    assert await ward.alerts() == before
    assert await ward.events() == events
    assert await ward.owner.fetch("select * from adverse_events") == adverse_events


async def test_an_amendment_raises_its_own_alert_and_leaves_the_other_as_it_was(ward: Ward) -> None:
    first = json.loads(ward.report())
    await ward.send(json.dumps(first).encode())
    await ward.apply()
    [alert] = await ward.alerts()
    await ward.send(ward.report(answers={"pain": 0}, amends=first["reportId"], reason="typing error"))
    await ward.apply()
    assert await ward.alerts() == [alert]
    await ward.send(ward.report(amends=first["reportId"], reason="typing error"))
    await ward.apply()
    assert [row["marks"] for row in await ward.alerts()] == [[], ["amendment"]]


async def test_a_strangers_report_cannot_take_the_place_of_the_patients_alert(ward: Ward) -> None:
    report_id = str(uuid4())
    await ward.send(ward.report(reportId=report_id, onBehalfReason="guessed"), "dr.mueller", "doctor")
    await ward.send(ward.report(reportId=report_id), headers=False)
    await ward.send(ward.report(reportId=report_id))
    await ward.apply()
    alerts = await ward.alerts()
    assert [row["reason"] for row in alerts] == ["out_of_scope", "unattributed", None]
    assert len({row["alert_id"] for row in alerts}) == 3


async def test_the_worker_raises_alerts_and_can_do_nothing_else_with_them(ward: Ward) -> None:
    await ward.send(ward.report())
    await ward.apply()
    worker = await asyncpg.connect(ward.worker_url)
    for statement in (
        "update alerts set level = 'routine'",
        "update alerts set acknowledged_at = now(), acknowledged_by = 'me'",
        "delete from alerts",
        "select patient_id from alerts",
        "insert into adverse_events select from alerts",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(statement)
    await worker.close()


async def test_not_even_the_owner_rewrites_or_removes_an_alert(ward: Ward) -> None:
    await ward.send(ward.report())
    await ward.apply()
    when = datetime.now(UTC)
    await ward.owner.execute("update alerts set acknowledged_at = $1, acknowledged_by = 'dr.chen'", when)
    for statement in (
        "update alerts set level = 'critical'",
        "update alerts set marks = '{}', recorded_at = now()",
        "update alerts set acknowledged_by = 'dr.mueller'",
        "update alerts set acknowledged_at = null, acknowledged_by = null",
        "delete from alerts",
        "truncate alerts cascade",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ward.owner.execute(statement)
    [alert] = await ward.alerts()
    assert (alert["state"], alert["acknowledged_at"]) == ("acknowledged", when)
    assert when - alert["raised_at"] < timedelta(minutes=5)
