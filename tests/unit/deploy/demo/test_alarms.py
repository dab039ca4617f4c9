"""Alerts of the demonstration: raised where somebody with a login sees them, and at every level."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from deploy.demo.alarms import (
    DIARIES,
    FEVER,
    SELF_HARM,
    SEVERE_PAIN,
    answering,
    batch_of,
    one_of_each,
    small_burst,
    watched_sites,
)
from deploy.demo.stage import STUDY_FILE
from loadtest.reports import Answers, Assignment
from projections.alerts.rules import read_rules
from projections.study.model import document
from projections.study.reading import read_study

STUDY = read_study(STUDY_FILE)
SITES = watched_sites(STUDY)
OPENS = datetime(2026, 11, 22, tzinfo=UTC)


def patients(count: int, instrument: str = "daily-symptoms") -> list[Assignment]:
    """Patients as the demonstration enrols them: the sites take turns."""
    return [
        Assignment(
            patientId=f"P-{number:06d}",
            studyId=STUDY.study_id,
            siteId=STUDY.sites[(number - 1) % len(STUDY.sites)].id,
            timeZone="Asia/Shanghai",
            visitId=f"V-{instrument}",
            instrument=instrument,
            instrumentVersion="1.0",
            token="a.b.c",
            opensAt=OPENS,
            closesAt=OPENS + timedelta(hours=3),
        )
        for number in range(1, count + 1)
    ]


def asked(count: int) -> list[Assignment]:
    return [one for one in patients(count, "phq-9") if one.siteId in SITES]


def levels(instrument: str, answers: Answers) -> list[str]:
    definition = next(one for one in STUDY.instruments if one.id == instrument)
    return [rule.level for rule in read_rules(json.dumps(document(definition))).met(dict(answers))]


def alarming(burst: list[Assignment]) -> list[tuple[str, str]]:
    return [(one.siteId, one.instrument) for one in burst if one.answers is not None]


def test_the_watched_sites_are_those_of_the_doctors() -> None:
    assert SITES == ["S-01", "S-21"]


@pytest.mark.parametrize(
    ("instrument", "answers", "level"),
    [
        ("daily-symptoms", SEVERE_PAIN, "routine"),
        ("daily-symptoms", FEVER, "urgent"),
        ("phq-9", SELF_HARM, "critical"),
    ],
)
def test_there_are_answers_for_an_alert_of_each_level(instrument: str, answers: Answers, level: str) -> None:
    assert levels(instrument, answers) == [level]


def test_at_each_watched_site_one_patient_has_a_fever_and_one_severe_pain_every_time() -> None:
    due = patients(200)
    burst = answering(due, SITES, DIARIES)
    assert burst == answering(due, SITES, DIARIES)
    told = {one.patientId: one.answers for one in burst if one.answers is not None}
    assert told == {"P-000001": FEVER, "P-000041": SEVERE_PAIN, "P-000021": FEVER, "P-000061": SEVERE_PAIN}
    assert [msgspec.structs.replace(one, answers=None) for one in burst] == due


def test_the_first_patient_of_each_watched_site_is_asked() -> None:
    assert [one.patientId for one in one_of_each(asked(200), SITES)] == ["P-000001", "P-000021"]
    assert one_of_each(patients(20), ["S-21"]) == []


@pytest.mark.parametrize("number", range(12))
def test_every_small_burst_shows_each_doctor_something_and_every_third_a_critical_alert(number: int) -> None:
    burst = small_burst(patients(20_000), asked(400), SITES, number, 100)
    assert len({one.patientId for one in burst}) == len(burst) == 100
    seen = Counter(alarming(burst))
    assert {site for site, _ in seen} == set(SITES)
    critical = [one for one in burst if one.instrument == "phq-9"]
    assert [one.answers for one in critical] == ([SELF_HARM] if number % 3 == 0 else [])


def test_nobody_answers_the_same_questionnaire_again_before_all_have() -> None:
    bursts = [small_burst(patients(20_000), asked(400), SITES, 3 * turn, 100) for turn in range(18)]
    critical = [one.patientId for burst in bursts for one in burst if one.instrument == "phq-9"]
    after_the_morning = [one.patientId for one in one_of_each(asked(400), SITES)]
    assert len(set(critical + after_the_morning)) == 20


@pytest.mark.parametrize(("count", "size"), [(1, 1), (1, 100), (3, 2), (20, 100), (45, 40)])
@pytest.mark.parametrize("number", range(6))
def test_few_patients_are_enough(count: int, size: int, number: int) -> None:
    burst = small_burst(patients(count), asked(count), SITES, number, size)
    assert len({one.patientId for one in burst}) == len(burst) == min(count, size)


def test_each_small_burst_is_of_other_patients_until_all_have_had_their_turn() -> None:
    waiting = patients(250)
    first, second, third = (batch_of(waiting, number, 100) for number in range(3))
    assert first + second == waiting[:200]
    assert third == waiting[200:] + waiting[:50]


@pytest.mark.parametrize(("count", "size"), [(3, 100), (100, 100), (7, 5), (1, 1)])
@pytest.mark.parametrize("number", [0, 1, 2, 999])
def test_nobody_is_twice_in_a_small_burst(count: int, size: int, number: int) -> None:
    chosen = batch_of(patients(count), number, size)
    assert len({one.patientId for one in chosen}) == len(chosen) == min(count, size)


def test_without_patients_there_is_no_burst() -> None:
    assert small_burst([], [], SITES, 3, 100) == []
