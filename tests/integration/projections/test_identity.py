"""Logins, activation, refreshing and logging out."""

import asyncio
import hashlib

import jwt
import pytest

from tests.integration.projections.conftest import World, bearer, error, log_in, profile, refresh


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
