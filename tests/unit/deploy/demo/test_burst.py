"""A demonstration works at any hour: there is always a morning window that has opened."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from projections.schedule import (
    Candidate,
    PlannedVisit,
    VisitState,
    choose_visit,
    latest_opened,
    on_time_instant,
    plan_visits,
)
from projections.study.reading import read_study

RULES = read_study(Path(__file__).parents[4] / "deploy" / "demo" / "study.yaml").rules()
ZONES = [ZoneInfo(name) for name in ("Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/New_York")]
DAYS = [
    datetime(2026, month, day, tzinfo=UTC)
    for month, day in (
        (11, 23),
        (3, 8),
        (3, 9),
        (3, 29),
        (3, 30),
        (10, 25),
        (10, 26),
        (11, 1),
        (11, 2),
        (12, 31),
    )
]


def morning_target(zone: ZoneInfo, now: datetime) -> PlannedVisit | None:
    """The latest opened morning window of a patient who started yesterday by the clocks in ``zone``."""
    started = now.astimezone(zone).date() - timedelta(days=1)
    return latest_opened(plan_visits(RULES, started, zone), now, "diary-am")


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("minutes", [0, 30, 59.999])
def test_at_any_hour_every_patient_has_a_morning_window_that_a_report_can_answer_on_time(
    hour: int, minutes: float
) -> None:
    for day in DAYS:
        now = day + timedelta(hours=hour, minutes=minutes)
        for zone in ZONES:
            target = morning_target(zone, now)
            assert target is not None
            assert target.visit_code == "diary-am"
            assert target.window.opens_at <= now < target.window.opens_at + timedelta(hours=25)
            assert target.window.opens_at.astimezone(zone).hour == 8
            state = VisitState(target.window, target.required, {})
            for fraction in (0, 0.5, 0.999999):
                recorded = on_time_instant(target.window, now, fraction)
                assert recorded <= now
                placed = choose_visit(
                    [Candidate(target.visit_id, state)], "daily-symptoms", recorded, target.visit_id
                )
                assert placed.completion is not None
                assert placed.completion.timeliness == "on_time"


def test_at_the_very_opening_the_instant_is_the_opening() -> None:
    target = morning_target(ZONES[0], datetime(2026, 11, 23, 0, tzinfo=UTC))
    assert target is not None
    opens = target.window.opens_at
    assert opens == datetime(2026, 11, 23, 0, tzinfo=UTC)
    assert on_time_instant(target.window, opens, 0.9) == opens


def test_a_window_that_has_not_opened_cannot_be_answered() -> None:
    target = morning_target(ZONES[0], datetime(2026, 11, 23, 0, tzinfo=UTC))
    assert target is not None
    with pytest.raises(ValueError, match="not opened"):
        on_time_instant(target.window, target.window.opens_at - timedelta(seconds=1), 0.5)
