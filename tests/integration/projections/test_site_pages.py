"""Compliance, as JSON and CSV, and the quarantine: per site, and only the caller's."""

import csv
import io
import json
from datetime import timedelta
from uuid import uuid4

from tests.integration.projections.conftest import NOW, World

HOUR = timedelta(hours=1)
FORMULA = '=cmd|"/c calc"!A1'


async def count(world: World, site: str, slot: int, **counts: int) -> None:
    names, values = ", ".join(counts), ", ".join(str(value) for value in counts.values())
    await world.owner.execute(
        f"insert into slot_counts (site_id, slot_id, shard, {names})"  # noqa: S608 - names of this file
        f" values ('{site}', {slot}, {len(counts)}, {values})"
    )


async def days(world: World, headers: dict[str, str], query: str = "") -> list[dict[str, object]]:
    answer = await world.client.get("/api/v1/compliance" + query, headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["days"]
    return found


async def test_compliance_says_per_site_and_day_what_became_of_what_was_expected(world: World) -> None:
    open_now = await world.add_slot(NOW - HOUR, code="am")
    missed = await world.add_slot(NOW - 30 * HOUR, code="am")
    overdue = await world.add_slot(NOW - 3 * HOUR - timedelta(minutes=1), code="pm")
    for slot, expected in ((open_now, 10), (missed, 4), (overdue, 2)):
        await count(world, "S-01", slot, expected=expected)
    await count(world, "S-01", open_now, on_time=3, late=1)
    await count(world, "S-02", open_now, expected=99)
    found = await days(world, world.doctor())
    names = (
        "visitDate",
        "visitCode",
        "expected",
        "completed",
        "late",
        "upcoming",
        "open",
        "overdue",
        "missed",
    )
    assert [[row[name] for name in names] for row in found] == [
        ["2026-11-21", "am", 4, 0, 0, 0, 0, 0, 4],
        ["2026-11-22", "am", 10, 4, 1, 0, 6, 0, 0],
        ["2026-11-22", "pm", 2, 0, 0, 0, 0, 2, 0],
    ]
    both = world.doctor("coord.all", ("S-01", "S-02"))
    assert len(await days(world, both)) == 4
    assert [row["siteId"] for row in await days(world, both, "?siteId=S-02")] == ["S-02"]
    assert await days(world, world.doctor(), "?siteId=S-02") == []
    assert len(await days(world, world.doctor(), "?from=2026-11-22&to=2026-11-22")) == 2
    assert await days(world, world.doctor(), "?to=2026-11-01") == []


async def test_a_range_of_compliance_is_bounded(world: World) -> None:
    for query in (
        "?from=2026-11-22&to=2026-11-21",
        "?from=2026-01-01&to=2026-11-21",
        "?from=x",
        "?to=2026-13-01",
    ):
        answer = await world.client.get("/api/v1/compliance" + query, headers=world.doctor())
        assert answer.status_code == 422
    assert await days(world, world.doctor(), "?to=0001-01-01") == []


async def test_the_csv_holds_the_callers_sites_and_no_formula(world: World) -> None:
    slot = await world.add_slot(NOW - HOUR)
    await count(world, "S-01", slot, expected=10)
    await count(world, "S-02", slot, expected=99)
    await world.owner.execute("update sites set name = $1 where site_id = 'S-01'", FORMULA)
    await world.owner.execute("update sites set name = '@SUM(1)' || chr(10) || 'x' where site_id = 'S-02'")
    answer = await world.client.get("/api/v1/compliance.csv", headers=world.doctor())
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    [row] = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert row["siteName"] == "'" + FORMULA
    assert (row["siteId"], row["expected"], row["visitDate"], row["purpose"]) == (
        "S-01", "10", "2026-11-22", "training",
    )  # fmt: skip
    both = world.doctor("coord.all", ("S-01", "S-02"))
    wide = await world.client.get("/api/v1/compliance.csv", headers=both)
    rows = list(csv.reader(io.StringIO(wide.text.removeprefix("\ufeff"))))
    assert len(rows) == 3
    assert not [cell for line in rows for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    narrow = await world.client.get("/api/v1/compliance.csv?siteId=S-02", headers=world.doctor())
    assert len(list(csv.reader(io.StringIO(narrow.text)))) == 1


async def test_the_quarantine_lists_the_callers_sites_newest_first(world: World) -> None:
    for number in range(5):
        reason = "conflict" if number % 2 else "unknown_instrument"
        await world.add_report("P-1", uuid4(), "quarantined", reason)
    await world.add_report("P-2", uuid4(), "quarantined", "conflict")
    await world.add_report("P-1", uuid4())
    await world.owner.execute(
        "insert into ledger (received_at, stream_id, kafka_partition, kafka_offset, disposition, reason)"
        " values ($1, 1, 3, 100, 'quarantined', 'unreadable')",
        NOW,
    )

    async def offsets(headers: dict[str, str], **params: str) -> tuple[list[int], str | None]:
        answer = await world.client.get("/api/v1/quarantine", headers=headers, params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return [row["offset"] for row in body["rows"]], body["nextCursor"]

    mine, both = world.doctor(), world.doctor("coord.all", ("S-01", "S-02"))
    assert (await offsets(mine))[0] == [4, 3, 2, 1, 0]
    assert (await offsets(both))[0] == [5, 4, 3, 2, 1, 0]
    assert (await offsets(mine, reason="conflict"))[0] == [3, 1]
    assert (await offsets(mine, siteId="S-02"))[0] == []
    first, cursor = await offsets(mine, limit="3")
    assert cursor is not None
    second, end = await offsets(mine, limit="3", cursor=cursor)
    assert (first, second, end) == ([4, 3, 2], [1, 0], None)
    answer = await world.client.get("/api/v1/quarantine", headers=mine)
    assert answer.json()["rows"][0]["siteId"] == "S-01"
    assert json.loads(answer.content)["rows"][0]["partition"] == 3
