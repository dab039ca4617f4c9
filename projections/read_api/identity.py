"""Who calls: the token, checked against what the database says of its user now; and what they may see."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from ingest_gateway.auth.tokens import Claims, InvalidToken, Role, verify
from projections.read_api.problems import forbidden, invalid_token, malformed_authorization, missing_token
from projections.read_api.services import services


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user.

    ``sites`` and ``permissions``: those of the token that are still the user's; a patient and an admin have
    none here.
    """

    claims: Claims
    sid: UUID
    sites: tuple[str, ...]
    permissions: frozenset[str] = frozenset()

    @property
    def user_id(self) -> str:
        """The user's id."""
        return self.claims.userId

    def within(self, site_ids: Iterable[str] | None) -> tuple[str, ...]:
        """The caller's sites, narrowed to those a filter names; a filter never adds one."""
        return self.sites if site_ids is None else tuple(sorted(set(self.sites) & set(site_ids)))


async def authenticated(
    request: Request, _: Annotated[object, Depends(HTTPBearer(auto_error=False))]
) -> Caller:
    """The caller of a request; asked of Postgres each time, so that a revocation works at once.

    Raises:
        ProblemError: 401, with one of the contract's three titles.
    """
    held = services(request)
    try:
        claims = verify(_bearer_token(request), held.keys, held.clock().timestamp())
        sid = UUID(claims.sid)
    except (InvalidToken, ValueError):
        raise invalid_token() from None
    async with held.database.session() as session:
        known = await session.row("caller", claims.userId, sid)
    if known is None or known["role"] != claims.role or known["patient_id"] != claims.patientId:
        raise invalid_token()
    return caller_as_known(claims, sid, known["sites"], known["permissions"])


def caller_as_known(claims: Claims, sid: UUID, sites: Iterable[str], permissions: Iterable[str]) -> Caller:
    """The caller with what both the token and the database grant; only staff are granted anything."""
    if claims.role != "doctor":
        return Caller(claims, sid, ())
    held = frozenset(permissions) & frozenset(claims.permissions)
    return Caller(claims, sid, tuple(sorted(set(sites) & set(claims.sites))), held)


def _bearer_token(request: Request) -> str:
    """The token of the one Authorization header. Nothing in a URL or a cookie is ever looked at."""
    headers = request.headers.getlist("authorization")
    if not headers:
        raise missing_token()
    scheme, _, token = headers[0].partition(" ")
    token = token.strip(" ")
    if len(headers) > 1 or scheme.lower() != "bearer" or not token or any(c.isspace() for c in token):
        raise malformed_authorization()
    return token


Authenticated = Annotated[Caller, Depends(authenticated)]


def _only(*roles: Role) -> object:
    async def check(caller: Authenticated) -> Caller:
        if caller.claims.role not in roles:
            raise forbidden()
        return caller

    return Depends(check)


Patient = Annotated[Caller, _only("patient")]
"""A patient, for himself."""

Staff = Annotated[Caller, _only("doctor")]
"""Staff of sites."""

Permission = Literal[
    "patients.read",
    "patients.identity",
    "answers.read",
    "board.read",
    "quarantine.read",
    "alerts.acknowledge",
    "alerts.assess",
    "adverse_events.report",
]
PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)
"""Everything a member of staff may be permitted, in the words of users.permissions."""


def permitted(permission: Permission) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency: staff with a permission that the token says and the database still grants; else a 403."""

    async def check(caller: Staff) -> Caller:
        if permission not in caller.permissions:
            raise forbidden()
        return caller

    return check


PatientReader = Annotated[Caller, Depends(permitted("patients.read"))]
"""Staff who may see patients and their reports; answers and names ask for a permission of their own."""

BoardReader = Annotated[Caller, Depends(permitted("board.read"))]
"""Staff who may see counts per site."""

QuarantineReader = Annotated[Caller, Depends(permitted("quarantine.read"))]
"""Staff who may see what could not be read or placed."""

AlertAcknowledger = Annotated[Caller, Depends(permitted("alerts.acknowledge"))]
"""Staff who may acknowledge alerts."""

AlertAssessor = Annotated[Caller, Depends(permitted("alerts.assess"))]
"""Doctors who may assess and close alerts."""

AdverseEventReporter = Annotated[Caller, Depends(permitted("adverse_events.report"))]
"""Doctors who may report adverse events."""


async def _reader(caller: Annotated[Caller, _only("patient", "doctor")]) -> Caller:
    if caller.claims.role == "doctor" and "patients.read" not in caller.permissions:
        raise forbidden()
    return caller


Reader = Annotated[Caller, Depends(_reader)]
"""Who may read trial data: a patient his own, staff who may see patients their sites'. An admin sees none."""
