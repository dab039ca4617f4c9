"""Mint access tokens for load tests and demonstrations, each with the window that should be answered."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import issue, patient_claims
from projections.schedule import Window, on_time_instant
from projections.sql import queries
from projections.study.publishing import NoSuchStudy, read_published

_GOLDEN: Final = 0.6180339887498949  # its multiples spread evenly over [0, 1), whatever their number


class MintRefused(RuntimeError):
    """No tokens: the study is in production, or it has too few patients whose window has opened."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


async def mint(
    connection: asyncpg.Connection,
    study_id: str,
    patients: int,
    keys: KeyRing,
    now: datetime,
    visit_code: str | None = None,
) -> Iterator[dict[str, str]]:
    """Tokens for the first patients of a study, by id, with each one's latest opened window.

    Args:
        connection: of the role eightbells_study.
        study_id: a study for training or acceptance tests.
        patients: how many.
        keys: the first signs.
        now: an aware instant: from then on the tokens are good for 24 h.
        visit_code: the latest opened window of this visit instead, such as ``diary-am``.

    Returns:
        A line of the contract's "The command line" for each, with the window beside it. ``recordedAt`` is an
        instant at which a report would have been on time, different from patient to patient.

    Raises:
        NoSuchStudy: there is none.
        MintRefused: it is in production, or fewer patients have such a window.
    """
    published = await read_published(connection, study_id)
    if published is None:
        raise NoSuchStudy(f"There is no study {study_id!r}; see `eightbells study apply`.")
    if published.purpose == "production":
        raise MintRefused(f"{study_id} is in production: patients' tokens are not minted there.", 2)
    rows = await connection.fetch(queries("study")["latest_opened"], study_id, now, visit_code, patients)
    if len(rows) < patients:
        window = f"a {visit_code} window" if visit_code else "a window"
        raise MintRefused(f"Only {len(rows)} patients of {study_id} have {window} that has opened.", 1)
    versions = {
        study.schedule.version: {one.id: one.version for one in study.instruments}
        for study in published.versions
    }
    return _lines(study_id, rows, versions, keys, now)


def _lines(
    study_id: str,
    rows: list[Mapping[str, Any]],
    versions: Mapping[str, Mapping[str, str]],
    keys: KeyRing,
    now: datetime,
) -> Iterator[dict[str, str]]:
    zones = {name: ZoneInfo(name) for name in {row["time_zone"] for row in rows}}
    for number, row in enumerate(rows, start=1):
        claims = patient_claims(row["patient_id"], row["user_id"], study_id, row["site_id"], now)
        window = Window(row["opens_at"], row["closes_at"], row["late_until"])
        recorded_at = on_time_instant(window, now, number * _GOLDEN % 1).astimezone(zones[row["time_zone"]])
        yield {
            "patientId": row["patient_id"],
            "studyId": study_id,
            "siteId": row["site_id"],
            "timeZone": row["time_zone"],
            "visitId": row["visit_id"],
            "instrument": row["required"][0],
            "instrumentVersion": versions[row["schedule_version"]][row["required"][0]],
            "token": issue(claims, keys),
            "userId": row["user_id"],
            "visitCode": row["visit_code"],
            "opensAt": window.opens_at.isoformat(),
            "closesAt": window.closes_at.isoformat(),
            "lateUntil": window.late_until.isoformat(),
            "recordedAt": recorded_at.isoformat(timespec="milliseconds"),
        }


def json_line(minted: Mapping[str, str]) -> bytes:
    """One line of JSON Lines."""
    return json.dumps(minted, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
