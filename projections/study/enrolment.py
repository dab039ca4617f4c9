"""Enrol a cohort: patients, users, identities, activation codes and all their visits, or nobody."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from projections.schedule import PlannedVisit, local_instant, plan_visits
from projections.sql import queries
from projections.study.codes import code_digest, new_code
from projections.study.cohort import BadLine, CohortError, CohortLine, parse_cohort
from projections.study.model import Study

CODES_LAST: Final = timedelta(days=60)
PATIENTS_AT_ONCE: Final = 5_000

Progress = Callable[[int, int], None]
SaveCodes = Callable[[Iterable[tuple[str, str, str]]], None]


class EnrolmentRequest(msgspec.Struct, frozen=True):
    """What to enrol.

    ``start`` is the start date of lines without one. ``save_codes`` gets (patientId, siteId, code) of every
    new patient and has to keep them safe before it returns: the database commits after it. None issues no
    codes.
    """

    content: bytes
    file: Path
    start: date | None = None
    save_codes: SaveCodes | None = None


class Enrolled(msgspec.Struct, frozen=True):
    """What came of it: how many patients and visits are new, and who was enrolled before."""

    study_id: str
    patients: int
    visits: int
    already: tuple[str, ...]


async def enrol(
    connection: asyncpg.Connection,
    study: Study,
    request: EnrolmentRequest,
    now: datetime,
    progress: Progress = lambda done, total: None,
) -> Enrolled:
    """Enrol everybody of a CSV who is not enrolled yet, in one transaction.

    The CSV is checked whole before anything is written. Somebody who is enrolled already is left alone, so
    the same file may be enrolled again.

    Args:
        connection: of the role eightbells_study.
        study: the version whose schedule the new patients follow.
        request: what to enrol.
        now: an aware instant.
        progress: is told how many of how many visits are written.

    Raises:
        CohortError: with every bad line; nothing was enrolled.
    """
    sql = queries("study")
    async with connection.transaction():
        await connection.execute(sql["lock_studies"])
        sites = {site.id: site.time_zone for site in study.sites}
        cohort = parse_cohort(request.content, request.file, sites, request.start)
        known = await _known(connection, study.study_id, cohort, request.file)
        new = sorted((one for one in cohort if one.patient_id not in known), key=lambda one: one.patient_id)
        already = tuple(one.patient_id for one in cohort if one.patient_id in known)
        if not new:
            return Enrolled(study.study_id, 0, 0, already)
        await _stage(connection, study, new, request.save_codes)
        visits = await _write(connection, study, len(new), now, progress)
    return Enrolled(study.study_id, len(new), visits, already)


async def _known(
    connection: asyncpg.Connection, study_id: str, cohort: Sequence[CohortLine], file: Path
) -> frozenset[str]:
    """Who of them is enrolled already.

    Raises:
        CohortError: an id or a username belongs to somebody else.
    """
    sql = queries("study")
    rows = await connection.fetch(sql["enrolled_patients"], [one.patient_id for one in cohort])
    known = {row["patient_id"]: row["study_id"] for row in rows}
    new = [one for one in cohort if one.patient_id not in known]
    names = [one.username for one in new if one.username]
    usernames = {row["username"] for row in await connection.fetch(sql["taken_usernames"], names)}
    user_ids = {
        row["user_id"]
        for row in await connection.fetch(sql["taken_user_ids"], [f"u-{one.patient_id}" for one in new])
    }
    findings = [
        BadLine(one.line, f"patient {one.patient_id} is enrolled in another study.")
        for one in cohort
        if known.get(one.patient_id, study_id) != study_id
    ]
    findings += [BadLine(one.line, "the username is taken.") for one in new if one.username in usernames]
    findings += [
        BadLine(one.line, f"the user id u-{one.patient_id} is taken.")
        for one in new
        if f"u-{one.patient_id}" in user_ids
    ]
    if findings:
        raise CohortError(file, findings)
    return frozenset(known)


async def _stage(
    connection: asyncpg.Connection, study: Study, new: Sequence[CohortLine], save_codes: SaveCodes | None
) -> None:
    """Put the cohort and its plans into temporary tables, and the codes where they are kept."""
    sql = queries("study")
    codes = [new_code() if save_codes else None for _ in new]
    midnights = {
        key: local_instant(key[1], time(0), ZoneInfo(key[0]))
        for key in {(one.time_zone, one.consent_date) for one in new}
    }
    await connection.execute(sql["create_incoming"])
    await connection.copy_records_to_table(
        "incoming",
        records=[
            (
                number,
                one.patient_id,
                one.username,
                one.site_id,
                one.time_zone,
                one.start_date,
                midnights[one.time_zone, one.consent_date],
                one.name,
                one.contact,
                code_digest(code) if code else None,
            )
            for number, (one, code) in enumerate(zip(new, codes, strict=True), start=1)
        ],
    )
    await connection.execute(sql["create_plan"])
    await connection.copy_records_to_table("plan", records=await _plans(connection, study, new))
    await connection.execute("analyze incoming, plan")
    if save_codes:
        save_codes((one.patient_id, one.site_id, code) for one, code in zip(new, codes, strict=True) if code)


async def _plans(
    connection: asyncpg.Connection, study: Study, new: Sequence[CohortLine]
) -> list[tuple[str, date, str, int]]:
    """(zone, start date, visit id, slot id) of every plan in the cohort; computed once for each."""
    rules = study.rules()
    anchors: dict[str, set[date]] = {}
    for one in new:
        anchors.setdefault(one.time_zone, set()).add(one.start_date)
    rows = []
    for zone in sorted(anchors):
        plans = {anchor: plan_visits(rules, anchor, ZoneInfo(zone)) for anchor in sorted(anchors[zone])}
        slots = await _slots(connection, study, zone, [visit for plan in plans.values() for visit in plan])
        rows += [
            (zone, anchor, visit.visit_id, slots[visit.visit_code, visit.planned_date])
            for anchor, plan in plans.items()
            for visit in plan
        ]
    return rows


async def _slots(
    connection: asyncpg.Connection, study: Study, zone: str, visits: Sequence[PlannedVisit]
) -> dict[tuple[str, date], int]:
    """The slot of every visit in a zone; those that are new are made."""
    sql = queries("study")
    unique = {(visit.visit_code, visit.planned_date): visit for visit in visits}
    names = {visit.code: json.dumps(visit.name, ensure_ascii=False) for visit in study.schedule.visits}
    version = study.schedule.version
    columns = zip(
        *(
            (
                visit.visit_code,
                names[visit.visit_code],
                visit.planned_date,
                visit.window.opens_at,
                visit.window.closes_at,
                visit.window.late_until,
                " ".join(visit.required),
                " ".join(visit.optional),
            )
            for visit in unique.values()
        ),
        strict=True,
    )
    await connection.execute(sql["save_slots"], study.study_id, version, zone, *map(list, columns))
    dates = sorted({planned for _, planned in unique})
    rows = await connection.fetch(sql["slot_ids"], study.study_id, version, zone, dates)
    return {(row["visit_code"], row["planned_date"]): row["slot_id"] for row in rows}


async def _write(
    connection: asyncpg.Connection, study: Study, patients: int, now: datetime, progress: Progress
) -> int:
    """From the temporary tables to the real ones; returns the number of visits."""
    sql = queries("study")
    total: int = await connection.fetchval(sql["planned_total"])
    progress(0, total)
    done = 0
    for first in range(1, patients + 1, PATIENTS_AT_ONCE):
        chunk = (first, first + PATIENTS_AT_ONCE - 1)
        await connection.execute(sql["enrol_users"], *chunk)
        await connection.execute(sql["enrol_patients"], *chunk, study.study_id, study.schedule.version, now)
        await connection.execute(sql["enrol_identities"], *chunk)
        await connection.execute(sql["enrol_codes"], *chunk, now + CODES_LAST)
        status = await connection.execute(sql["enrol_visits"], *chunk)
        done += int(status.rpartition(" ")[2])
        progress(done, total)
    await connection.execute(sql["expect_visits"])
    return done
