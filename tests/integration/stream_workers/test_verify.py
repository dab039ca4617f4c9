"""What `eightbells verify` finds: edits, deletes, reordering, a cut tail, projections that disagree."""

import json
import os
import stat
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from ingest_gateway.auth.keys import KeyRing
from projections.log_ends import log_ends
from projections.verify import SealHead, Verification
from tests.integration.stream_workers.world import World
from tests.waiting import PATIENCE_S

SECRET = urlsafe_b64encode(bytes(range(32))).decode()


def kinds(result: Verification) -> set[str]:
    return {finding.kind for finding in result.findings}


async def tamper(world: World, *statements: str) -> None:
    """Do what no role may: as a superuser, with the triggers off."""
    async with world.owner.transaction():
        await world.owner.execute("set local session_replication_role = replica")
        for statement in statements:
            await world.owner.execute(statement)


@pytest.fixture
async def applied(world: World) -> World:
    """Patient 1 has five rows in three seals."""
    await world.send_reports(*[1] * 5, flags=None)
    await world.apply(max_batch_records=2)
    assert await world.owner.fetchval("select count(*) from seals") == 3
    await world.clean()
    return world


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update ledger set value = value || ' ' where kafka_offset = 1", {"value"}),
        ("update ledger set sha256 = sha256(value || '!'), value = value || '!'", {"seal"}),
        ("update ledger set reason = 'x', disposition = 'quarantined' where kafka_offset = 1", {"seal"}),
        ("update ledger set flags = '{\"clock\": []}' where kafka_offset = 1", {"seal"}),
        ("update ledger set user_id = '' where kafka_offset = 3", {"seal"}),
        ("update ledger set received_at = received_at + interval '1 microsecond'", {"seal", "identity"}),
        ("delete from ledger where kafka_offset = 1", {"missing", "seal"}),
        ("delete from ledger where kafka_offset = 4", {"missing", "seal"}),
        ("insert into ledger select * from ledger where kafka_offset = 1", {"twice", "seal"}),
        ("update ledger set kafka_offset = 5 - kafka_offset where kafka_offset in (2, 3)", {"seal"}),
        ("delete from seals where first_offset = 2", {"chain"}),
        ("update seals set seal = sha256(seal) where first_offset = 2", {"seal", "chain"}),
        ("delete from report_ids where kafka_offset = 1", {"identity"}),
        ("delete from visits where completed_at is not null", {"counters", "visits"}),
        ("update slot_counts set on_time = on_time + 1 where shard >= 0", {"counters"}),
        ("update offsets set next_offset = 9 where next_offset > 0", {"missing", "head", "ahead"}),
    ],
)
async def test_every_change_shows(applied: World, statement: str, found: set[str]) -> None:
    await tamper(applied, statement)
    result = await applied.verified(ends_after=lambda: log_ends(applied.kafka, applied.topic.name))
    assert found <= kinds(result)


async def test_a_tail_cut_everywhere_shows_in_what_was_published(applied: World) -> None:
    rows = await applied.owner.fetch("select kafka_partition, first_offset, last_offset, seal from seals")
    heads = [SealHead(row[0], row[1], row[2], row[3].hex()) for row in rows]
    assert kinds(await applied.verified(published=heads)) == set()

    await tamper(
        applied,
        "delete from report_ids where kafka_offset = 4",
        "delete from ledger where kafka_offset = 4",
        "update offsets o set next_offset = 4, seal = s.previous from seals s "
        "where s.last_offset = 4 and s.kafka_partition = o.kafka_partition",
        "delete from seals where last_offset = 4",
    )
    assert kinds(await applied.verified()) == {"behind"}
    assert kinds(await applied.verified(published=heads)) == {"behind", "published"}


async def test_a_chain_sealed_with_another_key_does_not_verify(applied: World) -> None:
    other = KeyRing("k2", {"k2": bytes(range(1, 33))})
    assert {"key", "chain"} <= kinds(await applied.verified(other))
    posing = KeyRing("k1", {"k1": bytes(range(1, 33))})
    assert {"seal", "chain"} <= kinds(await applied.verified(posing))


async def test_odd_texts_are_sealed_as_postgres_prints_them(world: World) -> None:
    odd = '\u2028 "\\/\b\f\n\r\t\x01\x1f\x7f é 受试 𝄞 </script>'
    headers = [("userId", f"u\t{odd}".encode()), ("role", b"patient"), (odd, odd.encode()), ("e", b"")]
    patient = odd[:20]
    await world.send(
        world.record(world.report(1, answers={odd: 1, "b": 2, "aa": 3}, instrument="diary")),
        world.record(world.report(patient, visitId=odd, instrument=odd), patient),
        world.record(world.report(1), headers=headers),
        world.record(world.report(1), key=odd.encode()),
    )
    await world.apply()
    await world.clean()


async def test_the_command_says_it_in_json_and_by_its_exit_code(applied: World, tmp_path: Path) -> None:
    key = tmp_path / "seal.json"
    key.write_text(json.dumps({"current": "k1", "keys": {"k1": SECRET}}))
    key.chmod(stat.S_IRUSR)
    command = [str(Path(sys.executable).with_name("eightbells")), "verify", "--json", "--wait", "0"]
    command += ["--database", applied.reader_url, "--kafka", applied.kafka, "--seal-keys", str(key)]
    command += ["--topic", applied.topic.name]

    def run() -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, env=dict(os.environ)
        )
        assert done.stderr == ""
        return done.returncode, json.loads(done.stdout)

    code, answer = run()
    assert (code, answer["ok"], answer["findings"]) == (0, True, [])
    [state] = [one for one in answer["partitions"] if one["next"]]
    assert (state["first"], state["next"], state["end"]) == (0, 5, 5)
    assert [state[name] for name in ("accepted", "duplicate", "quarantined", "gap")] == [5, 0, 0, 0]

    await tamper(applied, "delete from ledger where kafka_offset = 1")
    code, answer = run()
    assert (code, answer["ok"]) == (1, False)
    assert run()[1]["findings"][0]["kind"] == "missing"
