"""Issuing and verifying access tokens with PyJWT: everywhere but on the gateway's hot path (see ``hot``)."""

from datetime import datetime
from typing import Final, Literal
from uuid import uuid4

import jwt
import msgspec

from ingest_gateway.auth.keys import KeyRing

ALGORITHM: Final = "HS256"
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the JWT media type of RFC 9068
ISSUER: Final = "trial-system"
AUDIENCE: Final = "eightbells"
LIFETIME_S: Final = 24 * 3600
_REQUIRED = ["userId", "role", "iss", "aud", "iat", "exp", "jti", "sid"]

Role = Literal["patient", "doctor", "admin"]


class InvalidToken(ValueError):
    """The token is refused. Callers answer one opaque 401; the message is for our own metrics and tests."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of an access token (contract, "Identity"). Times are whole seconds since the epoch.

    A patient has ``patientId``, ``studyId`` and ``siteId``; staff have ``sites`` and ``permissions``.
    """

    userId: str
    role: Role
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sid: str
    nbf: int | None = None
    patientId: str | None = None
    studyId: str | None = None
    siteId: str | None = None
    sites: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


def patient_claims(patient_id: str, user_id: str, study_id: str, site_id: str, now: datetime) -> Claims:
    """The claims of a login of its own for a patient.

    Args:
        patient_id: as enrolled.
        user_id: the patient's user.
        study_id: the patient's.
        site_id: the patient's.
        now: an aware instant; from then on the claims are good for ``LIFETIME_S``.
    """
    issued_at = int(now.timestamp())
    return Claims(
        userId=user_id,
        role="patient",
        iss=ISSUER,
        aud=AUDIENCE,
        iat=issued_at,
        exp=issued_at + LIFETIME_S,
        jti=str(uuid4()),
        sid=str(uuid4()),
        patientId=patient_id,
        studyId=study_id,
        siteId=site_id,
    )


def issue(claims: Claims, keys: KeyRing) -> str:
    """Sign claims with the current key. The header is the one the hot path compares byte for byte."""
    payload = {
        name: value for name, value in msgspec.to_builtins(claims).items() if value not in (None, [], ())
    }
    return jwt.encode(
        payload,
        keys.signing_key,
        ALGORITHM,
        headers={"kid": keys.current, "typ": TOKEN_TYPE},
        sort_headers=True,
    )


def verify(token: str, keys: KeyRing, now: float) -> Claims:
    """Check a token with PyJWT and return its claims.

    Args:
        token: the compact serialization.
        keys: every key that may have signed it.
        now: seconds since the epoch.

    Raises:
        InvalidToken: for any reason at all.
    """
    try:
        header = jwt.get_unverified_header(token)
        if set(header) != {"alg", "kid", "typ"} or header["typ"] != TOKEN_TYPE or header["alg"] != ALGORITHM:
            raise InvalidToken("header")
        payload = jwt.decode(
            token,
            keys.keys[header["kid"]],
            algorithms=[ALGORITHM],
            options={
                "require": _REQUIRED,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_iss": False,
            },
        )
        claims = msgspec.convert(payload, Claims)
    except (jwt.PyJWTError, msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        raise InvalidToken(type(error).__name__) from None
    check_claims(claims, now)
    return claims


def check_claims(claims: Claims, now: float) -> None:
    """The rules on claims that both verifiers share.

    A token lives 24 h: an ``exp`` further off than that was not issued by this system. Clocks of one
    deployment agree within a minute.

    Raises:
        InvalidToken: naming the claim.
    """
    if claims.iss != ISSUER or claims.aud != AUDIENCE:
        raise InvalidToken("iss or aud")
    if not now < claims.exp <= claims.iat + LIFETIME_S:
        raise InvalidToken("exp")
    if claims.iat > now + 60 or (claims.nbf is not None and claims.nbf > now + 60):
        raise InvalidToken("iat or nbf")
    if claims.role == "patient" and not (claims.patientId and claims.studyId and claims.siteId):
        raise InvalidToken("patient without patientId, studyId or siteId")
