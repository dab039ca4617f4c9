"""Logins, refreshing, logging out, and every token that must not get in."""

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from msgspec.structs import replace

from ingest_gateway.auth.tokens import Claims, issue
from tests.integration.projections.conftest import PASSWORD, World, bearer

PROFILE = "/api/v1/profile"
REFRESH = "/api/v1/token/refresh"


async def log_in(world: World, username: str = "dr.chen", password: str = PASSWORD) -> httpx.Response:
    return await world.client.post("/login", json={"username": username, "password": password})


async def refresh(world: World, token: str) -> httpx.Response:
    return await world.client.post(REFRESH, json={"refreshToken": token})


async def profile(world: World, headers: dict[str, str] | list[tuple[str, str]]) -> httpx.Response:
    return await world.client.get(PROFILE, headers=headers)


def error(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["error"] == body["title"]
    assert body["status"] == answer.status_code
    return answer.status_code, body["error"]


async def test_a_login_gives_a_pair_and_the_token_opens_the_protected_area(world: World) -> None:
    pair = (await log_in(world)).json()
    assert set(pair) == {"token", "refreshToken", "expiresIn"}
    assert pair["expiresIn"] == 86400
    body = (await profile(world, bearer(pair["token"]))).json()
    assert body["message"] == "Welcome to the protected area!"
    assert (body["userID"], body["userRole"], body["sites"]) == ("dr.chen", "doctor", ["S-01"])
    assert jwt.get_unverified_header(pair["token"]) == {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}


async def test_unknown_and_known_users_are_told_the_same(world: World) -> None:
    await world.add_user("no.password", "doctor", password=False)
    await world.add_user("gone", "doctor")
    await world.owner.execute("update users set disabled_at = $1 where user_id = 'gone'", world.clock())
    known = await log_in(world, password="wrong password")
    assert error(known) == (401, "Invalid credentials")
    for username in ("nobody", "no.password", "gone"):
        unknown = await log_in(world, username)
        assert (unknown.content, unknown.headers) == (known.content, known.headers)


async def test_a_password_is_checked_for_unknown_users_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []
    real = world.services.passwords.matches

    async def matches(password: str, password_hash: str | None) -> bool:
        checked.append(password_hash)
        return await real(password, password_hash)

    monkeypatch.setattr(world.services.passwords, "matches", matches)
    await log_in(world, "nobody")
    assert checked == [None]
    assert not await real("nobody has this password", None)


async def test_too_many_wrong_passwords_are_a_429_and_refreshing_still_works(world: World) -> None:
    pair = (await log_in(world)).json()
    answers = [await log_in(world, password=f"wrong {number}") for number in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 900
    assert (await log_in(world)).status_code == 429
    assert (await refresh(world, pair["refreshToken"])).status_code == 200
    world.clock.advance(seconds=900)
    assert (await log_in(world)).status_code == 200


async def test_guesses_sent_at_once_do_not_slip_past_the_limit(world: World) -> None:
    answers = await asyncio.gather(*(log_in(world, password=f"wrong {number}") for number in range(10)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 5


async def test_failures_count_per_address_over_all_users_and_codes(world: World) -> None:
    for number in range(3):
        assert (await log_in(world, f"user {number}")).status_code == 401
    for number in range(2):
        answer = await world.client.post("/api/v1/activate", json={"code": f"WRONG{number}"})
        assert error(answer) == (401, "Invalid code")
    assert (await log_in(world, "another")).status_code == 429
    assert (await world.client.post("/api/v1/activate", json={"code": "WRONG"})).status_code == 429


async def test_right_passwords_do_not_count(world: World) -> None:
    for _ in range(12):
        assert (await log_in(world)).status_code == 200


async def test_a_forged_forwarded_address_is_ignored(world: World) -> None:
    for number in range(6):
        answer = await world.client.post(
            "/login",
            json={"username": f"user {number}", "password": "wrong"},
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
    assert answer.status_code == 429


async def test_a_code_activates_a_patient_once_however_it_is_typed(world: World) -> None:
    await world.add_code("u-P-1", "4F7K0QZM93XTHB2D")
    answer = await world.client.post("/api/v1/activate", json={"code": "4f7k-0qzm 93xt-hb2d"})
    assert answer.status_code == 200
    body = (await profile(world, bearer(answer.json()["token"]))).json()
    assert (body["userID"], body["userRole"], body["patientId"]) == ("u-P-1", "patient", "P-1")
    again = await world.client.post("/api/v1/activate", json={"code": "4F7K0QZM93XTHB2D"})
    assert again.status_code == 401
    await world.add_code("u-P-2", "EXPIRED", days=-1)
    assert (await world.client.post("/api/v1/activate", json={"code": "EXPIRED"})).status_code == 401


async def test_an_activated_patient_chooses_a_password_and_changes_it_only_by_knowing_it(
    world: World,
) -> None:
    await world.add_code("u-P-1", "CODE")
    first = (await world.client.post("/api/v1/activate", json={"code": "CODE"})).json()

    async def choose(**body: str) -> int:
        return (
            await world.client.post("/api/v1/password", json=body, headers=bearer(first["token"]))
        ).status_code

    assert await choose(password="short") == 422
    assert await choose(password="my first password") == 204
    other = await log_in(world, "P-1", "my first password")
    assert other.status_code == 200
    assert await choose(password="my second password") == 403
    assert await choose(password="my second password", currentPassword="wrong") == 403
    assert await choose(password="my second password", currentPassword="my first password") == 204
    assert (await log_in(world, "P-1", "my first password")).status_code == 401
    assert (await profile(world, bearer(other.json()["token"]))).status_code == 401
    assert (await profile(world, bearer(first["token"]))).status_code == 200
    await world.owner.execute("update users set username = 'p.one' where user_id = 'u-P-1'")
    assert (await log_in(world, "P-1", "my second password")).status_code == 401
    assert (await log_in(world, "p.one", "my second password")).status_code == 200


async def test_a_refresh_token_gives_a_new_pair_and_stays_good_for_a_minute(world: World) -> None:
    first = (await log_in(world)).json()
    second = (await refresh(world, first["refreshToken"])).json()
    assert second["refreshToken"] != first["refreshToken"]
    world.clock.advance(seconds=60)
    third = (await refresh(world, first["refreshToken"])).json()
    for pair in (second, third):
        assert (await profile(world, bearer(pair["token"]))).status_code == 200
        assert (await refresh(world, pair["refreshToken"])).status_code == 200


async def test_a_refresh_token_used_later_than_that_revokes_its_family(world: World) -> None:
    first = (await log_in(world)).json()
    second = (await refresh(world, first["refreshToken"])).json()
    untouched = (await log_in(world)).json()
    world.clock.advance(seconds=61)
    assert error(await refresh(world, first["refreshToken"])) == (401, "Invalid token")
    assert (await refresh(world, second["refreshToken"])).status_code == 401
    assert (await profile(world, bearer(second["token"]))).status_code == 401
    assert (await profile(world, bearer(untouched["token"]))).status_code == 200


async def test_a_refresh_token_ends_and_an_unknown_one_is_refused(world: World) -> None:
    first = (await log_in(world)).json()
    world.clock.advance(days=60)
    assert (await refresh(world, first["refreshToken"])).status_code == 401
    assert (await refresh(world, "unknown")).status_code == 401


async def test_refreshing_follows_what_the_user_is_now(world: World) -> None:
    first = (await log_in(world)).json()
    await world.owner.execute("insert into user_sites values ('dr.chen', 'S-02')")
    second = (await refresh(world, first["refreshToken"])).json()
    assert (await profile(world, bearer(first["token"]))).json()["sites"] == ["S-01"]
    assert (await profile(world, bearer(second["token"]))).json()["sites"] == ["S-01", "S-02"]
    await world.owner.execute("update users set disabled_at = now() where user_id = 'dr.chen'")
    assert (await refresh(world, second["refreshToken"])).status_code == 401
    assert (await profile(world, bearer(second["token"]))).status_code == 401


async def test_a_logout_ends_the_family_and_no_other(world: World) -> None:
    mine, other = (await log_in(world)).json(), (await log_in(world)).json()
    answer = await world.client.post("/logout", headers=bearer(mine["token"]))
    assert (answer.status_code, answer.content) == (204, b"")
    assert error(await profile(world, bearer(mine["token"]))) == (401, "Invalid token")
    assert (await refresh(world, mine["refreshToken"])).status_code == 401
    assert (await profile(world, bearer(other["token"]))).status_code == 200


async def test_a_minted_tokens_logout_holds_too(world: World) -> None:
    headers = world.patient("P-1")
    assert (await profile(world, headers)).status_code == 200
    assert (await world.client.post("/logout", headers=headers)).status_code == 204
    assert (await profile(world, headers)).status_code == 401


async def test_refresh_tokens_are_stored_as_digests(world: World) -> None:
    pair = (await log_in(world)).json()
    [stored] = [row[0] for row in await world.owner.fetch("select token_sha256 from refresh_tokens")]
    assert stored == hashlib.sha256(pair["refreshToken"].encode()).digest()


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
