"""A seal names the key it was made with: the key can be changed, and what it sealed still verifies."""

from ingest_gateway.auth.keys import KeyRing
from tests.integration.stream_workers.world import SEAL_KEYS, World

NEWER = bytes(range(1, 33))
ROTATED = KeyRing("k2", {**SEAL_KEYS.keys, "k2": NEWER})


async def sealed_by_two_keys(world: World) -> None:
    await world.send_reports(1, 2)
    await world.apply()
    world.seal_keys = ROTATED
    await world.send_reports(1, 2, 3)
    await world.apply()


async def kinds(world: World, keys: KeyRing) -> set[str]:
    return {finding.kind for finding in (await world.verified(keys)).findings}


async def test_after_a_change_of_key_old_and_new_seals_verify(world: World) -> None:
    await sealed_by_two_keys(world)
    kids = await world.owner.fetch("select distinct kid from seals")
    assert {row["kid"] for row in kids} == {"k1", "k2"}
    assert await kinds(world, ROTATED) == set()


async def test_a_key_that_was_thrown_away_is_named_and_its_seals_do_not_verify(world: World) -> None:
    await sealed_by_two_keys(world)
    result = await world.verified(KeyRing("k2", {"k2": NEWER}))
    assert "sealed with key 'k1', which is not among those given" in {one.detail for one in result.findings}


async def test_a_seal_verifies_with_the_key_it_names_and_no_other(world: World) -> None:
    await sealed_by_two_keys(world)
    await world.owner.execute("set session_replication_role = replica")
    await world.owner.execute("update seals set kid = 'k1' where kid = 'k2'")
    assert await kinds(world, ROTATED) == {"seal"}


async def test_seals_from_before_they_named_a_key_verify_with_any_that_is_given(world: World) -> None:
    await sealed_by_two_keys(world)
    await world.owner.execute("set session_replication_role = replica")
    await world.owner.execute("update seals set kid = null")
    assert await kinds(world, ROTATED) == set()
    assert "seal" in await kinds(world, SEAL_KEYS)
