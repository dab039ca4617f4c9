"""A handful of reports that raise alerts, where somebody with a demonstration login will see them. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from deploy.demo.users import demo_staff
from loadtest.reports import Answers, Assignment
from projections.study.model import Study

FEVER: Final[Answers] = {"pain": 3, "fatigue": 6, "nausea": 1, "temperature": 39.2}
"""Raises an ``urgent`` alert."""

SEVERE_PAIN: Final[Answers] = {"pain": 9, "fatigue": 5, "nausea": 2, "temperature": 36.8}
"""Raises a ``routine`` alert."""

SELF_HARM: Final[Answers] = {
    "q1": 2, "q2": 3, "q3": 2, "q4": 2, "q5": 1, "q6": 2, "q7": 1, "q8": 0, "q9": 1,
}  # fmt: skip
"""Raises a ``critical`` alert: item 9 of the PHQ-9."""

DIARIES: Final = (FEVER, SEVERE_PAIN)
_QUESTIONNAIRE_EVERY: Final = 3


def watched_sites(study: Study) -> list[str]:
    """The sites of the demonstration's doctors, who may assess an alert."""
    doctors = [one for one in demo_staff(study) if "alerts.assess" in one.permissions]
    return list(dict.fromkeys(site for one in doctors for site in one.sites))


def answering(
    assignments: Sequence[Assignment], sites: Collection[str], said: Sequence[Answers]
) -> list[Assignment]:
    """The same assignments; at each of the sites the first patients answer what is ``said``."""
    left = {site: list(said) for site in sites}
    return [
        msgspec.structs.replace(one, answers=left[one.siteId].pop(0)) if left.get(one.siteId) else one
        for one in assignments
    ]


def one_of_each(assignments: Sequence[Assignment], sites: Collection[str]) -> list[Assignment]:
    """The first assignment of each of the sites, and of no other."""
    first: dict[str, Assignment] = {}
    for one in assignments:
        if one.siteId in sites:
            first.setdefault(one.siteId, one)
    return list(first.values())


def batch_of(waiting: Sequence[Assignment], number: int, size: int) -> list[Assignment]:
    """The ``number``-th small burst: the next patients, beginning anew after the last; nobody twice."""
    size = min(size, len(waiting))
    return [waiting[(number * size + position) % len(waiting)] for position in range(size)]


def small_burst(
    diaries: Sequence[Assignment],
    questionnaires: Sequence[Assignment],
    sites: Collection[str],
    number: int,
    size: int,
) -> list[Assignment]:
    """The ``number``-th small burst, with something for each of the watched sites to see.

    At each of them one diary tells of a fever, and in the next burst of severe pain; in every third burst one
    diary makes room for a questionnaire that raises a critical alert. Nobody reports twice.
    """
    said = DIARIES[number % len(DIARIES)]
    burst = answering(batch_of(diaries, number, size), sites, (said,))
    turn, rest = divmod(number, _QUESTIONNAIRE_EVERY)
    if rest or not questionnaires:
        return burst
    later = turn + len(sites)  # the first patient of each site was asked after the morning's burst
    [critical] = answering(batch_of(questionnaires, later, 1), sites, (SELF_HARM,))
    others = [one for one in burst if one.patientId != critical.patientId]
    return [*others[: max(0, len(burst) - 1)], critical]
