"""The routes of logins: /login, /logout, activation, refresh, password and profile."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, StringConstraints

from ingest_gateway.auth.tokens import Role
from projections.passwords import MAX_PASSWORD_CHARACTERS, MIN_PASSWORD_CHARACTERS
from projections.read_api import logins
from projections.read_api.bodies import JsonBody, Text, described, json_body
from projections.read_api.identity import Authenticated
from projections.read_api.problems import invalid_token
from projections.read_api.services import Services, services
from projections.read_api.throttle import address_subject

router = APIRouter(tags=["identity"])


class Credentials(JsonBody):
    """What a member of staff, or a patient with a password, logs in with."""

    username: Text
    password: Text


class ActivationCode(JsonBody):
    """What a patient's first login takes."""

    code: Text


class RefreshToken(JsonBody):
    """What the next pair is had for."""

    refreshToken: Text


class NewPassword(JsonBody):
    """A password of one's own choice; ``currentPassword`` where there is one already."""

    password: Annotated[
        Text, StringConstraints(min_length=MIN_PASSWORD_CHARACTERS, max_length=MAX_PASSWORD_CHARACTERS)
    ]
    currentPassword: Text | None = None


class Tokens(BaseModel):
    """A pair of tokens; ``expiresIn`` is the access token's lifetime in seconds."""

    token: str
    refreshToken: str
    expiresIn: int


class Profile(BaseModel):
    """Who the caller is. ``sites`` are those the caller may see now."""

    message: Literal["Welcome to the protected area!"] = "Welcome to the protected area!"
    userID: str
    userRole: Role
    username: str | None
    patientId: str | None
    studyId: str | None
    siteId: str | None
    timeZone: str | None
    sites: list[str]
    permissions: list[str]
    hasPassword: bool
    tokenExpiresAt: datetime


@router.post("/login", openapi_extra=described(Credentials))
async def login(request: Request, body: Annotated[Credentials, Depends(json_body(Credentials))]) -> Tokens:
    """A pair of tokens for a user name and a password."""
    held = services(request)
    return _tokens(await logins.log_in(held, body.username, body.password, _address(request, held)))


@router.post("/api/v1/activate", openapi_extra=described(ActivationCode))
async def activate(
    request: Request, body: Annotated[ActivationCode, Depends(json_body(ActivationCode))]
) -> Tokens:
    """A patient's first login, with the code the site handed out; it works once."""
    held = services(request)
    return _tokens(await logins.activate(held, body.code, _address(request, held)))


@router.post("/api/v1/token/refresh", openapi_extra=described(RefreshToken))
async def refresh(
    request: Request, body: Annotated[RefreshToken, Depends(json_body(RefreshToken))]
) -> Tokens:
    """A new pair. The old refresh token stays good for 60 s; used after that, the whole login ends."""
    return _tokens(await logins.refresh(services(request), body.refreshToken))


@router.post("/logout", status_code=204)
async def logout(request: Request, caller: Authenticated) -> Response:
    """End this login: none of its tokens is good here any more."""
    await logins.log_out(services(request), caller.user_id, caller.sid)
    return Response(status_code=204)


@router.post("/api/v1/password", status_code=204, openapi_extra=described(NewPassword))
async def password(
    request: Request,
    caller: Authenticated,
    body: Annotated[NewPassword, Depends(json_body(NewPassword))],
) -> Response:
    """Choose a password; the user's other logins end."""
    await logins.choose_password(
        services(request), caller.user_id, caller.sid, body.password, body.currentPassword
    )
    return Response(status_code=204)


@router.get("/api/v1/profile")
async def profile(request: Request, caller: Authenticated) -> Profile:
    """Who the caller is."""
    async with services(request).database.session() as session:
        subject = await session.row("subject", caller.user_id)
    if subject is None:
        raise invalid_token()
    return Profile(
        userID=caller.user_id,
        userRole=caller.claims.role,
        username=subject["username"],
        patientId=subject["patient_id"],
        studyId=subject["study_id"],
        siteId=subject["site_id"],
        timeZone=subject["time_zone"],
        sites=list(caller.sites),
        permissions=subject["permissions"],
        hasPassword=subject["password_hash"] is not None,
        tokenExpiresAt=datetime.fromtimestamp(caller.claims.exp, UTC),
    )


def _tokens(pair: logins.Pair) -> Tokens:
    return Tokens(token=pair.token, refreshToken=pair.refresh_token, expiresIn=pair.expires_in)


def _address(request: Request, held: Services) -> str:
    return address_subject(request, held.rules.trusted_proxies)
