"""Every token that must not get in."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any

import jwt
from msgspec.structs import replace

from ingest_gateway.auth.tokens import Claims, issue
from tests.integration.projections.conftest import PROFILE, World, bearer, error, log_in, profile


async def test_the_three_errors_of_a_token_are_exact(world: World) -> None:
    missing = await profile(world, {})
    assert error(missing) == (401, "Authorization header is missing")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    good = world.doctor()["Authorization"].removeprefix("Bearer ")
    malformed = ["Bearer", "Bearer ", f"Basic {good}", f"Token {good}", good, f"Bearer {good} x", ""]
    for value in malformed:
        answer = await profile(world, {"Authorization": value})
        assert error(answer) == (401, "Invalid token format"), value
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    two = await profile(world, [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")])
    assert error(two) == (401, "Invalid token format")
    assert error(await profile(world, {"Authorization": "Bearer x"})) == (401, "Invalid token")
    assert (await profile(world, {"Authorization": f"bEARER {good}"})).status_code == 200


async def test_a_token_in_the_url_or_a_cookie_is_never_looked_at(world: World) -> None:
    good = world.doctor()["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "authorization"):
        answer = await world.client.get(f"{PROFILE}?{name}={good}", headers={"Cookie": f"{name}={good}"})
        assert error(answer) == (401, "Authorization header is missing")


def raw_token(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), 'sha256'))}"


HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
HEADERS: list[dict[str, Any]] = [
    {**HEADER, "alg": "none"},
    {**HEADER, "alg": "nOnE"},
    {**HEADER, "alg": "RS256"},
    {**HEADER, "kid": "../../etc/passwd"},
    {**HEADER, "kid": "' or 1=1 --"},
    {**HEADER, "kid": "k2"},
    {**HEADER, "typ": "JWT"},
    {**HEADER, "crit": ["exp"]},
    {**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}},
    {**HEADER, "jku": "https://example.org/keys"},
    {**HEADER, "x5u": "https://example.org/cert"},
]
CLAIMS: list[dict[str, Any]] = [
    {"exp": None},
    {"exp": 10**18},
    {"exp": "1800000000"},
    {"exp": 1.8e9},
    {"exp": 1},
    {"nbf": 10**12},
    {"iat": 10**12},
    {"iss": "someone"},
    {"aud": "someone"},
    {"aud": ["eightbells"]},
    {"aud": None},
    {"sid": "not a uuid"},
    {"sid": None},
    {"role": "root"},
    {"role": "admin"},
    {"userId": "nobody"},
    {"userId": 7},
    {"patientId": "P-1", "studyId": "EB-TEST", "siteId": "S-01"},
]


async def refused(world: World, token: str) -> None:
    assert error(await profile(world, bearer(token))) == (401, "Invalid token"), token


def payload(world: World) -> dict[str, Any]:
    claims = world.claims("dr.chen", "doctor")
    return {name: value for name in claims.__struct_fields__ if (value := getattr(claims, name))}


async def test_a_header_this_system_does_not_write_is_refused(world: World) -> None:
    good = raw_token(HEADER, payload(world), world.keys.signing_key)
    assert (await profile(world, bearer(good))).status_code == 200
    for header in HEADERS:
        await refused(world, raw_token(header, payload(world), world.keys.signing_key))


async def test_claims_that_are_wrong_or_not_the_users_are_refused(world: World) -> None:
    for changed in CLAIMS:
        claims = {name: value for name, value in (payload(world) | changed).items() if value is not None}
        await refused(world, raw_token(HEADER, claims, world.keys.signing_key))


async def test_a_broken_signature_or_another_key_is_refused(world: World) -> None:
    good = world.doctor()["Authorization"].removeprefix("Bearer ")
    signed, _, signature = good.rpartition(".")
    edited = good.split(".")
    edited[1] = base64.urlsafe_b64encode(b'{"role":"admin"}').rstrip(b"=").decode()
    for token in (
        f"{signed}.",
        f"{signed}.{signature[:-2]}",
        f"{signed}.AAAA",
        f"{signed}.null",
        signed,
        "..",
        ".".join(edited),
    ):
        await refused(world, token)


async def test_a_refresh_token_is_no_access_token(world: World) -> None:
    pair = (await log_in(world)).json()
    await refused(world, pair["refreshToken"])


async def test_a_login_of_somebody_elses_family_is_refused(world: World) -> None:
    pair = (await log_in(world)).json()
    sid = jwt.decode(pair["token"], options={"verify_signature": False})["sid"]
    stranger: Claims = replace(world.claims("coord.all", "doctor"), sid=sid)
    await refused(world, issue(stranger, world.keys))


async def test_an_expired_token_is_refused(world: World) -> None:
    headers = world.doctor()
    world.clock.advance(seconds=timedelta(hours=24).total_seconds())
    assert error(await profile(world, headers)) == (401, "Invalid token")
