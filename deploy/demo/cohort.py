"""The demonstration's patients: made up, spread evenly over the study's sites, started yesterday."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from projections.study.model import Site

_FAMILY: Final = ("Fiktiv", "Muster", "Example", "Sample", "示例", "Namuna", "Placeholder", "虚构")
_GIVEN: Final = ("Anemone", "Birch", "Clover", "Dahlia", "Elder", "Fern", "Gorse", "Hazel", "Iris", "Juniper")


def cohort_rows(sites: Sequence[Site], patients: int, now: datetime) -> Iterator[tuple[str, ...]]:
    """Rows of an enrolment CSV, the header first: patients P-000001 and so on.

    Each starts on the day that was yesterday in the patient's zone at ``now``, so at any hour the first
    morning window has opened. Names are plants with surnames that say "example".

    Args:
        sites: the study's; patients take turns.
        patients: how many.
        now: an aware instant.
    """
    yield ("patientId", "siteId", "startDate", "name", "contact")
    starts = {
        zone: (now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)).isoformat()
        for zone in {site.time_zone for site in sites}
    }
    for number in range(1, patients + 1):
        site = sites[(number - 1) % len(sites)]
        name = f"{_GIVEN[number % len(_GIVEN)]} {_FAMILY[number % len(_FAMILY)]}"
        patient_id = f"P-{number:06d}"
        yield (patient_id, site.id, starts[site.time_zone], name, f"{patient_id.lower()}@example.invalid")


def cohort_csv(sites: Sequence[Site], patients: int, now: datetime) -> bytes:
    """The same as a CSV file's bytes."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(cohort_rows(sites, patients, now))
    return text.getvalue().encode()
