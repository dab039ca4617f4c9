"""What people do is sealed as it is done, and no role can change it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from msgspec.structs import replace

from ingest_gateway.auth.keys import KeyRing
from projections.action_seals import check_actions
from projections.migrate import ROLES
from projections.read_api.app import build_app
from projections.relay.records import Topics, seal_records
from projections.seal_check import SealHead
from tests.conftest import Database
from tests.integration.projections.conftest import ACTION_SEAL_KEYS, World
from tests.integration.projections.desk import Desk, open_desk

_ACTION = (
    "insert into actions (at, user_id, role, subject, subject_id, site_id, patient_id, what, why)"
    " values (now(), 'dr.chen', 'doctor', 'alert', gen_random_uuid(), 'S-01', 'P-1', 'x', 'because')"
)


@pytest.fixture
async def desk(world: World) -> Desk:
    return await open_desk(world)


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(database.role("eightbells_reader"))
    yield made
    await made.close()


async def findings(
    reader: asyncpg.Connection, keys: KeyRing = ACTION_SEAL_KEYS, published: Sequence[SealHead] = ()
) -> set[str]:
    async with reader.transaction(readonly=True):
        return {one.kind for one in await check_actions(reader, keys, published)}


async def heads(desk: Desk) -> list[SealHead]:
    """The heads that the relay would publish."""
    rows = await desk.world.owner.fetch("select seals from outbox order by outbox_id")
    return [SealHead(**head) for row in rows for head in json.loads(row["seals"])]


async def tamper(desk: Desk, *statements: str) -> None:
    """As somebody who may do everything in Postgres, and stops its triggers."""
    await desk.world.owner.execute("set session_replication_role = replica")
    for statement in statements:
        await desk.world.owner.execute(statement)


async def test_what_is_done_is_sealed_and_verifies_for_who_may_not_read_it(
    desk: Desk, reader: asyncpg.Connection
) -> None:
    await desk.assessed()
    await desk.assessed()
    assert await findings(reader, published=await heads(desk)) == set()
    assert await reader.fetchval("select count(*) from action_seals") == len(await desk.actions()) == 4
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.fetch("select why from actions")


async def test_those_who_act_at_the_same_time_take_turns_in_the_chain(
    desk: Desk, reader: asyncpg.Connection
) -> None:
    alerts = [await desk.alert() for _ in range(8)]
    answers = await asyncio.gather(*(desk.post(alert, "acknowledge", {}) for alert in alerts))
    assert {answer.status_code for answer in answers} == {200}
    assert await reader.fetchval("select count(*) from action_seals") == 8
    assert await findings(reader) == set()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update actions set why = 'another reason' where action_id = 2", {"action_seal"}),
        ("update actions set at = at + interval '1 us' where action_id = 2", {"action_seal"}),
        ("delete from actions where action_id = 2", {"action_seal"}),
        ("delete from actions where action_id = 4", {"action_seal"}),
        ("delete from action_seals where last_action_id = 2", {"action_seal", "action_chain"}),
        ("delete from action_seals", {"action_seal"}),
        (
            "update action_seals set seal = sha256(seal) where last_action_id = 3",
            {"action_seal", "action_chain"},
        ),
        ("update action_seals set kid = 'b' where last_action_id = 3", {"action_seal"}),
        (_ACTION, {"action_seal"}),
    ],
)
async def test_every_change_shows(
    desk: Desk, reader: asyncpg.Connection, statement: str, found: set[str]
) -> None:
    await desk.assessed()
    await desk.assessed()
    await tamper(desk, statement)
    assert await findings(reader) == found


async def test_a_tail_cut_with_its_seals_shows_in_what_was_published(
    desk: Desk, reader: asyncpg.Connection
) -> None:
    await desk.assessed()
    published = await heads(desk)
    await tamper(
        desk, "delete from actions where action_id = 2", "delete from action_seals where last_action_id = 2"
    )
    assert await findings(reader) == set()
    assert await findings(reader, published=published) == {"action_published"}


async def test_the_first_seal_covers_what_was_done_before_there_were_seals(
    desk: Desk, reader: asyncpg.Connection
) -> None:
    await desk.world.owner.execute(_ACTION)
    await desk.assessed()
    assert await findings(reader) == set()
    await tamper(desk, "update actions set why = 'another reason' where action_id = 1")
    assert await findings(reader) == {"action_seal"}


async def test_the_key_can_be_changed_and_what_it_sealed_still_verifies(
    desk: Desk, reader: asyncpg.Connection
) -> None:
    await desk.assessed()
    newer = {"a2": bytes(range(1, 33))}
    rotated = KeyRing("a2", {**ACTION_SEAL_KEYS.keys, **newer})
    desk.world.client._transport.app = build_app(replace(desk.world.services, action_seal_keys=rotated))  # type: ignore[attr-defined]
    await desk.assessed()
    assert await findings(reader, rotated) == set()
    assert await findings(reader) == {"action_seal"}
    assert await findings(reader, KeyRing("a2", newer)) == {"action_seal", "action_chain"}


async def test_no_role_has_more_than_insert_and_select(desk: Desk) -> None:
    granted = await desk.world.owner.fetch(
        "select role, t as name, p as privilege from unnest($1::text[]) role,"
        " unnest(array['actions', 'action_seals']) t,"
        " unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) p"
        " where has_table_privilege(role, t, p)"
        " or (p in ('SELECT', 'INSERT', 'UPDATE') and has_any_column_privilege(role, t, p))",
        list(ROLES),
    )
    assert {(row["role"], row["name"], row["privilege"]) for row in granted} == {
        ("eightbells_api", "actions", "SELECT"),
        ("eightbells_api", "actions", "INSERT"),
        ("eightbells_api", "action_seals", "SELECT"),
        ("eightbells_api", "action_seals", "INSERT"),
        ("eightbells_reader", "actions", "SELECT"),
        ("eightbells_reader", "action_seals", "SELECT"),
    }


@pytest.mark.parametrize("table", ["actions", "action_seals"])
async def test_the_owner_too_is_refused_by_triggers(desk: Desk, table: str) -> None:
    await desk.assessed()
    for statement in (f"delete from {table}", f"truncate {table}", f"update {table} set {_COLUMN[table]}"):  # noqa: S608
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await desk.world.owner.execute(statement)


_COLUMN = {"actions": "why = 'x'", "action_seals": "kid = 'x'"}


async def test_heads_are_published_under_the_name_of_their_chain(desk: Desk) -> None:
    await desk.assessed()
    row = await desk.world.owner.fetchrow("select seals from outbox order by outbox_id limit 1")
    [record] = seal_records(row["seals"], Topics())
    assert record.key == b"actions"
    published = json.loads(record.value)
    assert (published["chain"], published["firstOffset"], published["lastOffset"]) == ("actions", 1, 1)
