"""The study of the demonstration, as the contract describes it."""

from collections import Counter
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from projections.schedule import plan_visits
from projections.study.instruments import AlertRule
from projections.study.reading import read_study

STUDY = read_study(Path(__file__).parents[4] / "deploy" / "demo" / "study.yaml")


def test_it_is_a_training_study_with_ten_sites_in_each_of_four_zones() -> None:
    assert (STUDY.study_id, STUDY.purpose, STUDY.languages) == ("EB-DEMO", "training", ("zh", "en"))
    assert [site.id for site in STUDY.sites] == [f"S-{number:02d}" for number in range(1, 41)]
    assert Counter(site.time_zone for site in STUDY.sites) == {
        "Asia/Shanghai": 10,
        "Asia/Kolkata": 10,
        "Europe/Berlin": 10,
        "America/New_York": 10,
    }


def test_the_diary_is_asked_for_twice_a_day_for_two_weeks() -> None:
    plan = plan_visits(STUDY.rules(), date(2026, 11, 22), ZoneInfo("Asia/Shanghai"))
    assert Counter(visit.visit_code for visit in plan) == {
        "baseline": 1,
        "diary-am": 14,
        "diary-pm": 14,
        "phq-9": 2,
        "cycle": 2,
    }
    morning = next(visit for visit in plan if visit.visit_code == "diary-am")
    assert morning.required == ("daily-symptoms",)
    assert [instant.isoformat() for instant in (morning.window.opens_at, morning.window.closes_at)] == [
        "2026-11-22T00:00:00+00:00",
        "2026-11-22T03:00:00+00:00",
    ]
    assert (morning.window.late_until - morning.window.closes_at).total_seconds() == 3600


def test_every_alert_rule_has_a_name_in_both_languages_and_each_level_has_one() -> None:
    rules = [rule for instrument in STUDY.instruments for rule in instrument.alerts]
    assert {rule.id: (rule.text or {}).keys() for rule in rules} == {
        "fever": {"zh", "en"},
        "severe-pain": {"zh", "en"},
        "self-harm": {"zh", "en"},
    }
    assert {rule.level for rule in rules} == {"routine", "urgent", "critical"}


def test_the_phq_9_keeps_its_credit_line_and_its_last_item_raises_a_critical_alert() -> None:
    phq = next(one for one in STUDY.instruments if one.id == "phq-9")
    assert phq.copyright == (
        "Developed by Drs. Robert L. Spitzer, Janet B.W. Williams, Kurt Kroenke and colleagues, with an "
        "educational grant from Pfizer Inc. No permission required to reproduce, translate, display or "
        "distribute."
    )
    assert [item.id for item in phq.items] == [f"q{number}" for number in range(1, 10)]
    (rule,) = phq.alerts
    assert isinstance(rule, AlertRule)
    assert (rule.item, rule.comparison, rule.value, rule.level) == ("q9", ">=", 1, "critical")
