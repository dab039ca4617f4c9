"""Publish a study file: what it would change, what it must not, and the change itself."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from pydantic import ValidationError

from projections.sql import queries
from projections.study.instruments import Instrument
from projections.study.model import Schedule, Site, Study, document
from projections.study.words import Part


class StudyRefused(ValueError):
    """The file is in order, but publishing it would change what is published; the message says what."""

    exit_code = 1


class NoSuchStudy(LookupError):
    """No study of that id has been applied."""

    exit_code = 2


class Published(msgspec.Struct, frozen=True):
    """What the database holds of a study. ``versions`` in the order of their publication."""

    purpose: str
    title: dict[str, str]
    versions: tuple[Study, ...]
    sites: tuple[Site, ...]


async def apply_study(
    connection: asyncpg.Connection, study: Study, now: datetime, *, dry_run: bool = False
) -> list[str]:
    """Publish a version of a study, in one transaction; safe to run twice.

    Args:
        connection: of the role eightbells_study.
        study: checked (see ``read_study``).
        now: an aware instant.
        dry_run: only say what would change.

    Returns:
        What changes, a line each; empty where there is nothing to change.

    Raises:
        StudyRefused: it would change a published version, instrument, schedule or the study's purpose, or
            takes a site of another study.
    """
    sql = queries("study")
    async with connection.transaction():
        await connection.execute(sql["lock_studies"])
        foreign = await connection.fetch(
            sql["sites_of_other_studies"], [site.id for site in study.sites], study.study_id
        )
        if foreign:
            site = foreign[0]
            raise StudyRefused(f"Site {site['site_id']} belongs to study {site['study_id']}.")
        published = await read_published(connection, study.study_id)
        changes = differences(study, published)
        if changes and not dry_run:
            await _publish(connection, study, published, now)
    return changes


async def read_published(connection: asyncpg.Connection, study_id: str) -> Published | None:
    """What has been published of a study; None where there is no such study.

    Raises:
        StudyRefused: a published version cannot be read by this version of Eight Bells.
    """
    sql = queries("study")
    row = await connection.fetchrow(sql["study"], study_id)
    if row is None:
        return None
    try:
        versions = tuple(
            Study.model_validate_json(version["document"])
            for version in await connection.fetch(sql["published_versions"], study_id)
        )
    except ValidationError:
        raise StudyRefused(f"A published version of {study_id} was written by another release.") from None
    sites = await connection.fetch(sql["sites"], study_id)
    return Published(
        purpose=row["purpose"],
        title=json.loads(row["title"]),
        versions=versions,
        sites=tuple(
            Site(id=site["site_id"], name=site["name"], time_zone=site["time_zone"]) for site in sites
        ),
    )


async def latest_study(connection: asyncpg.Connection, study_id: str | None) -> Study:
    """The version of a study that was published last; of the only study, where None is named.

    Raises:
        NoSuchStudy: there is none of that id, or more than one to choose from.
    """
    if study_id is None:
        ids = [row["study_id"] for row in await connection.fetch(queries("study")["study_ids"])]
        if len(ids) != 1:
            told = f"Name one of these studies: {', '.join(ids)}." if ids else "No study was applied yet."
            raise NoSuchStudy(told)
        study_id = str(ids[0])
    published = await read_published(connection, study_id)
    if published is None:
        raise NoSuchStudy(f"There is no study {study_id!r}; see `eightbells study apply`.")
    return published.versions[-1]


def differences(study: Study, published: Published | None) -> list[str]:
    """What publishing ``study`` would change, a line each; empty where that version is published as it is.

    Raises:
        StudyRefused: something published would change.
    """
    if published is None:
        return [
            f"create study {study.study_id} ({study.purpose})",
            f"publish version {study.version}",
            *(f"add site {site.id} ({site.time_zone})" for site in study.sites),
            *(f"add instrument {one.id} {one.version}" for one in study.instruments),
            f"add schedule {study.schedule.version} ({_visits(study.schedule)})",
        ]
    _refuse_changes(study, published)
    if any(version == study for version in published.versions):
        return []
    changes = [f"publish version {study.version} (after {published.versions[-1].version})"]
    if study.title != published.title:
        changes.append("change the title")
    known = {site.id: site for site in published.sites}
    for site in study.sites:
        if site.id not in known:
            changes.append(f"add site {site.id} ({site.time_zone})")
        elif known[site.id].time_zone != site.time_zone:
            before = known[site.id].time_zone
            changes.append(f"change site {site.id} from {before} to {site.time_zone}, for patients to come")
        elif known[site.id] != site:
            changes.append(f"rename site {site.id}")
    gone = sorted(set(known) - {site.id for site in study.sites})
    changes += [f"keep site {site_id}, which the file does not list, with its patients" for site_id in gone]
    old = {(one.id, one.version) for version in published.versions for one in version.instruments}
    changes += [
        f"add instrument {one.id} {one.version}"
        for one in study.instruments
        if (one.id, one.version) not in old
    ]
    if study.schedule.version not in {version.schedule.version for version in published.versions}:
        visits = _visits(study.schedule)
        changes.append(f"add schedule {study.schedule.version} ({visits}), for patients to come")
    return changes


def _refuse_changes(study: Study, published: Published) -> None:
    if study.purpose != published.purpose:
        raise StudyRefused(
            f"Study {study.study_id} is a {published.purpose} study for ever; the file says {study.purpose}."
        )
    for version in published.versions:
        if version.version == study.version and version != study:
            parts = ", ".join(_changed(version, study))
            raise StudyRefused(
                f"Version {study.version} of {study.study_id} is published and the file differs from it in: "
                f"{parts}. Give the changed file a new version."
            )
        before = {(one.id, one.version): one for one in version.instruments}
        for one in study.instruments:
            _refuse_change(f"Instrument {one.id} {one.version}", before.get((one.id, one.version)), one)
        if version.schedule.version == study.schedule.version:
            _refuse_change(f"Schedule {study.schedule.version}", version.schedule, study.schedule)


def _refuse_change(what: str, before: Instrument | Schedule | None, after: Instrument | Schedule) -> None:
    if before is not None and before != after:
        parts = ", ".join(_changed(before, after))
        raise StudyRefused(
            f"{what} is published and the file differs from it in: {parts}. Give it a new version."
        )


def _changed(before: Part, after: Part) -> list[str]:
    old, new = document(before), document(after)
    return [name for name in new if old.get(name) != new[name]]


def _visits(schedule: Schedule) -> str:
    total = sum(len(visit.offsets()) for visit in schedule.visits)
    return f"{total} visit{'' if total == 1 else 's'} per patient"


async def _publish(
    connection: asyncpg.Connection, study: Study, published: Published | None, now: datetime
) -> None:
    sql = queries("study")
    title = json.dumps(study.title, ensure_ascii=False)
    if published is None:
        await connection.execute(sql["create_study"], study.study_id, study.purpose, title, now)
    elif published.title != study.title:
        await connection.execute(sql["retitle_study"], study.study_id, title)
    text, digest = _stored(document(study))
    await connection.execute(sql["publish_version"], study.study_id, study.version, text, digest, now)
    columns = _columns([(site.id, site.name, site.time_zone) for site in study.sites])
    await connection.execute(sql["save_sites"], study.study_id, *columns)
    instruments = _columns([(one.id, one.version, *_stored(document(one))) for one in study.instruments])
    await connection.execute(sql["publish_instruments"], study.study_id, *instruments)


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _stored(content: dict[str, Any]) -> tuple[str, bytes]:
    """Canonical JSON and its SHA-256."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text, hashlib.sha256(text.encode()).digest()
