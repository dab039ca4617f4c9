"""Who calls: the token, checked against what the database says of its user now; and what they may see."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from ingest_gateway.auth.tokens import Claims, InvalidToken, Role, verify
from projections.read_api.problems import forbidden, invalid_token, malformed_authorization, missing_token
from projections.read_api.services import services


class Caller(msgspec.Struct, frozen=True):
    """An authenticated user. ``sites``: those of the token that are still the user's; none for a patient."""

    claims: Claims
    sid: UUID
    sites: tuple[str, ...]

    @property
    def user_id(self) -> str:
        """The user's id."""
        return self.claims.userId


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
    staff = claims.role == "doctor"
    return Caller(claims, sid, tuple(sorted(set(known["sites"]) & set(claims.sites))) if staff else ())


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


Reader = Annotated[Caller, _only("patient", "doctor")]
"""Who may read trial data: a patient his own, staff their sites'. An admin sees none."""

Staff = Annotated[Caller, _only("doctor")]
"""Staff of sites."""
