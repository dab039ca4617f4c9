from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from deploy.demo.cohort import cohort_csv
from projections.study.cohort import parse_cohort
from projections.study.reading import read_study

STUDY = read_study(Path(__file__).parents[4] / "deploy" / "demo" / "study.yaml")
SITES = {site.id: site.time_zone for site in STUDY.sites}


def test_patients_are_spread_over_the_zones_and_started_yesterday_by_their_own_clocks() -> None:
    now = datetime(2026, 11, 22, 20, tzinfo=UTC)  # the 23rd already in Shanghai and Kolkata
    cohort = parse_cohort(cohort_csv(STUDY.sites, 400, now), "demo.csv", SITES)
    assert [one.patient_id for one in cohort[:2]] == ["P-000001", "P-000002"]
    assert Counter((one.time_zone, one.start_date.isoformat()) for one in cohort) == {
        ("Asia/Shanghai", "2026-11-22"): 100,
        ("Asia/Kolkata", "2026-11-22"): 100,
        ("Europe/Berlin", "2026-11-21"): 100,
        ("America/New_York", "2026-11-21"): 100,
    }
    assert all(one.contact and one.contact.endswith("@example.invalid") for one in cohort)
