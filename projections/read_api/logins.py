"""Logins and their families: issuing a pair of tokens, refreshing it, and ending it."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, LIFETIME_S, Claims, issue
from projections.read_api.database import Session
from projections.read_api.problems import ProblemError, invalid_token
from projections.read_api.services import Services
from projections.read_api.throttle import attempt, user_subject
from projections.study.codes import code_digest

GRACE: Final = timedelta(seconds=60)
"""How long a refresh token stays good after its first use: a phone may lose the answer."""


class Pair(msgspec.Struct, frozen=True):
    """An access token, good for ``expires_in`` seconds, and the refresh token that gets the next pair."""

    token: str
    refresh_token: str
    expires_in: int


def digest(secret: str) -> bytes:
    """How refresh tokens are stored: they are random, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).digest()


async def log_in(services: Services, username: str, password: str, address: str) -> Pair:
    """A pair for whoever knows the password; unknown and known users get the same answer, as slowly.

    Raises:
        ProblemError: 401, 429 or 503.
    """
    async with services.passwords.slot(), attempt(services, (address, user_subject(username))) as guess:
        async with services.database.session() as session:
            user = await session.row("user_by_name", username)
        guess.right = await services.passwords.matches(password, user["password_hash"] if user else None)
    if user is None or not guess.right:
        services.metrics.logins.labels("login", "refused").inc()
        raise _wrong_credentials()
    async with services.database.transaction() as session:
        pair = await _open_family(services, session, user["user_id"])
    services.metrics.logins.labels("login", "ok").inc()
    return pair


async def activate(services: Services, code: str, address: str) -> Pair:
    """A patient's first login: a code works once.

    Raises:
        ProblemError: 401 for a code that is unknown, used or expired; 429.
    """
    async with attempt(services, (address,)) as guess, services.database.transaction() as session:
        user_id = await session.value("use_activation_code", code_digest(code), services.clock())
        guess.right = user_id is not None
        pair = await _open_family(services, session, user_id) if guess.right else None
    services.metrics.logins.labels("activate", "ok" if pair else "refused").inc()
    if pair is None:
        raise ProblemError(401, "Invalid code", "The code is unknown, used or expired.", _CHALLENGE)
    return pair


async def refresh(services: Services, refresh_token: str) -> Pair:
    """A new pair for a refresh token, and again within 60 s; used after that, its family is revoked.

    Raises:
        ProblemError: 401.
    """
    now, sha256 = services.clock(), digest(refresh_token)
    async with services.database.transaction() as session:
        found = await session.row("refresh_token", sha256)
        pair = None
        if found is not None and found["revoked_at"] is None and now < found["expires_at"]:
            replaced_at = found["replaced_at"]
            if replaced_at is None:
                await session.rows("replace_refresh_token", sha256, now)
            if replaced_at is None or now <= replaced_at + GRACE:
                pair = await _issue(services, session, found["user_id"], found["sid"])
            else:
                await session.rows("revoke_family", found["sid"], found["user_id"], now)
    services.metrics.logins.labels("refresh", "ok" if pair else "refused").inc()
    if pair is None:
        raise invalid_token()
    return pair


async def log_out(services: Services, user_id: str, sid: UUID) -> None:
    """Revoke a login's family: none of its tokens is good here from now on."""
    async with services.database.session() as session:
        await session.rows("revoke_family", sid, user_id, services.clock())


async def choose_password(services: Services, user_id: str, sid: UUID, new: str, current: str | None) -> None:
    """Set the user's password; all other logins of the user end.

    Raises:
        ProblemError: 403 where the user has a password and ``current`` is not it; 429, 503.
    """
    async with services.passwords.slot():
        async with services.database.session() as session:
            subject = await session.row("subject", user_id)
        if subject is None:
            raise invalid_token()
        old: str | None = subject["password_hash"]
        if old is not None:
            async with attempt(services, (user_subject(f"id {user_id}"),)) as guess:
                guess.right = await services.passwords.matches(current or "", old)
            if not guess.right:
                raise ProblemError(403, "Wrong password", "The current password is not the one given.")
        hashed = await services.passwords.hash(new)
    async with services.database.transaction() as session:
        if await session.value("set_password", user_id, hashed, old) is None:
            raise ProblemError(409, "Conflict", "The password was changed by another request just now.")
        await session.rows("revoke_other_families", user_id, sid, services.clock())


async def forget_expired(services: Services) -> None:
    """Delete what no longer limits or refreshes anything."""
    now = services.clock()
    async with services.database.session() as session:
        await session.rows("forget_failures", now - timedelta(seconds=2 * services.rules.window_s))
        await session.rows("forget_refresh_tokens", now)


_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


def _wrong_credentials() -> ProblemError:
    return ProblemError(401, "Invalid credentials", "The user name or the password is wrong.", _CHALLENGE)


async def _open_family(services: Services, session: Session, user_id: str) -> Pair:
    sid = uuid4()
    await session.rows("open_family", sid, user_id, services.clock())
    return await _issue(services, session, user_id, sid)


async def _issue(services: Services, session: Session, user_id: str, sid: UUID) -> Pair:
    subject = await session.row("subject", user_id)
    if subject is None:  # disabled since
        raise invalid_token()
    now = services.clock()
    refresh_token = secrets.token_urlsafe(32)
    expires_at = now + timedelta(days=services.rules.refresh_days)
    await session.rows("add_refresh_token", digest(refresh_token), sid, now, expires_at)
    return Pair(issue(_claims(subject, sid, now), services.keys), refresh_token, LIFETIME_S)


def _claims(subject: asyncpg.Record, sid: UUID, now: datetime) -> Claims:
    issued = int(now.timestamp())
    return Claims(
        userId=subject["user_id"],
        role=subject["role"],
        iss=ISSUER,
        aud=AUDIENCE,
        iat=issued,
        exp=issued + LIFETIME_S,
        jti=str(uuid4()),
        sid=str(sid),
        patientId=subject["patient_id"],
        studyId=subject["study_id"],
        siteId=subject["site_id"],
        sites=tuple(subject["sites"]),
        permissions=tuple(subject["permissions"]),
    )
