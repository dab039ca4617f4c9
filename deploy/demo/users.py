"""The demonstration's staff: doctors in Shanghai and Berlin, a coordinator of all sites, an administrator."""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import msgspec

from projections.passwords import hash_password
from projections.sql import queries
from projections.study.model import Study

_SEES: Final = ("patients.read", "answers.read", "board.read")
INVESTIGATOR: Final = (
    *_SEES,
    "patients.identity",
    "alerts.acknowledge",
    "alerts.assess",
    "adverse_events.report",
)
COORDINATOR: Final = (*_SEES, "alerts.acknowledge", "quarantine.read")


class StaffMember(msgspec.Struct, frozen=True):
    """Somebody who logs in with a name and a password."""

    username: str
    role: str
    permissions: tuple[str, ...]
    sites: tuple[str, ...]

    @property
    def user_id(self) -> str:
        """Users of staff are told from patients' (``u-``) by their prefix."""
        return f"staff-{self.username}"


class NotForPeople(ValueError):
    """Demonstration logins are for training studies only."""

    exit_code = 2


def demo_staff(study: Study) -> list[StaffMember]:
    """The staff of the demonstration: Dr. Müller's is the first site in Berlin's zone."""
    sites = [site.id for site in study.sites]
    berlin = [site.id for site in study.sites if site.time_zone == "Europe/Berlin"]
    return [
        StaffMember("dr.chen", "doctor", INVESTIGATOR, tuple(sites[:1])),
        StaffMember("dr.mueller", "doctor", INVESTIGATOR, tuple(berlin[:1])),
        StaffMember("coord.all", "doctor", COORDINATOR, tuple(sites)),
        StaffMember("admin", "admin", (), ()),
    ]


async def create_demo_users(
    connection: asyncpg.Connection, study: Study, save_logins: Callable[[str], None]
) -> list[StaffMember]:
    """Make the staff's users with new random passwords; those who exist get new passwords too.

    Args:
        connection: of the role eightbells_study.
        study: a published training study.
        save_logins: has to keep the text safe from other eyes before it returns; it is told the names, roles
            and passwords, which are kept nowhere else.

    Raises:
        NotForPeople: the study is not for training.
    """
    if study.purpose != "training":
        raise NotForPeople(f"{study.study_id} is a {study.purpose} study: it gets no demonstration logins.")
    staff = demo_staff(study)
    passwords = [secrets.token_urlsafe(12) for _ in staff]
    hashes = [hash_password(password) for password in passwords]
    sql = queries("study")
    async with connection.transaction():
        await connection.execute(
            sql["save_staff"],
            [one.user_id for one in staff],
            [one.username for one in staff],
            [one.role for one in staff],
            hashes,
            [" ".join(one.permissions) for one in staff],
        )
        scopes = [(one.user_id, site) for one in staff for site in one.sites]
        await connection.execute(
            sql["save_staff_sites"], [user for user, _ in scopes], [site for _, site in scopes]
        )
        save_logins(logins_text(study, staff, passwords))
    return staff


def logins_text(study: Study, staff: Sequence[StaffMember], passwords: Sequence[str]) -> str:
    """What the logins file says: name, password, and what each may see."""
    lines = [f"# Logins of {study.study_id} ({study.purpose}): username, password, role, sites"]
    for one, password in zip(staff, passwords, strict=True):
        sites = "every site" if len(one.sites) == len(study.sites) else " ".join(one.sites) or "no patients"
        lines.append(f"{one.username}\t{password}\t{one.role}\t{sites}")
    return "\n".join(lines) + "\n"
