"""Follows a report from the gateway to the read API and names the part where it stops.

First what can be seen standing still (processes, PostgreSQL and its schema, Kafka and its topics), then one
synthetic report of a patient enrolled for nothing else. Each check names the part it is about; the first one
that fails is where to look.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from deploy.local.broker import copies
from deploy.local.parts import MODULES, PARTITIONS
from deploy.local.readiness import broker_count, http_ready, kafka_answers, postgres_answers
from deploy.local.state import Stack, database_url, is_alive, owner_url
from deploy.local.synthetic import Following, NoReportPossible, Sent, prepare
from ingest_gateway.contracts.topics import topic_specs
from ingest_gateway.process.topics import UnsafeTopic, check_topic
from projections.sql import migrations

_PROJECTED_WITHIN_S: Final = 30.0
_NUMBERED_WITHIN_S: Final = 20.0
UNSENT: Final = "report"
"""The part of a check that says why no report was sent."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``hint`` says what to do where it is not well."""

    part: str
    ok: bool
    text: str
    hint: str = ""


async def examine(data: Path, stack: Stack, study_id: str | None) -> AsyncIterator[Check]:
    """Look at everything: what stands still, and, where that is well, at a report on its way.

    Args:
        data: the stack's data directory.
        stack: what runs there.
        study_id: whose patient reports; None where there is only one study.
    """
    broken = []
    async for check in _standing(data, stack):
        yield check
        broken += [] if check.ok else [check.part]
    missing = [name for name in MODULES if name not in stack.processes]
    if broken:
        yield Check(UNSENT, True, f"not sent: {broken[0]} comes first")
    elif missing:
        yield Check(UNSENT, True, f"not sent: this stack is without {', '.join(missing)}")
    else:
        async for check in _follow(data, stack, study_id):
            yield check


async def _standing(data: Path, stack: Stack) -> AsyncIterator[Check]:
    for name in stack.processes:
        yield await _process(stack, name)
    if stack.kafka:
        async for check in _kafka(stack):
            yield check
    if stack.database:
        yield await _postgres(data)


async def _process(stack: Stack, name: str) -> Check:
    process = stack.processes[name]
    look = f"see `eightbells logs {name} --data {stack.dataDir}`"
    if not is_alive(process):
        return Check(name, False, "is not running; its supervisor is starting it again", look)
    if process.admin and (reason := await http_ready(process.admin)):
        return Check(name, False, f"runs, but is not ready: {reason}", look)
    often = f", restarted {process.restarts} times" if process.restarts else ""
    return Check(name, True, f"runs (pid {process.pid}){often}")


async def _kafka(stack: Stack) -> AsyncIterator[Check]:
    reason = await kafka_answers(stack.kafka, 1)
    if reason is not None:
        yield Check("kafka", False, reason, f"see `eightbells logs kafka --data {stack.dataDir}`")
        return
    brokers = await broker_count(stack.kafka)
    yield Check("kafka", True, f"answers, with {brokers} broker{'s'[: brokers > 1]}")
    for spec in topic_specs(PARTITIONS):
        try:
            await check_topic(stack.kafka, spec, copies(brokers)[1])
        except UnsafeTopic as error:
            yield Check("topics", False, str(error), "`eightbells topics` makes what is missing")
        else:
            yield Check("topics", True, f"{spec.name} is as the contract has it")


async def _postgres(data: Path) -> Check:
    reason = await postgres_answers(owner_url(data))
    if reason is not None:
        return Check("postgres", False, reason, f"see `eightbells logs postgres --data {data}`")
    connection = await asyncpg.connect(owner_url(data))
    try:
        applied = {row["name"]: row["sha256"] for row in await connection.fetch("select * from migrations")}
    except asyncpg.UndefinedTableError:
        applied = {}
    finally:
        await connection.close()
    expected = {name: hashlib.sha256(text.encode()).digest() for name, text in migrations()}
    if applied != expected:
        return Check("postgres", False, "the schema is not this version's", "run `eightbells migrate`")
    return Check("postgres", True, "answers, and the schema is up to date")


async def _follow(data: Path, stack: Stack, study_id: str | None) -> AsyncIterator[Check]:
    try:
        report = await prepare(data, study_id)
    except NoReportPossible as error:
        yield Check(UNSENT, error.harmless, f"not sent: {error}", error.hint)
        return
    async with Following(stack, report) as following:
        sent = await following.send()
        yield Check("gateway", sent.accepted, sent.text, _logs(stack, "gateway"))
        if not sent.accepted:
            return
        check = await _until_projected(stack, following, sent)
        yield check
        if check.ok:
            yield await _until_numbered(data, stack)


async def _until_projected(stack: Stack, following: Following, sent: Sent) -> Check:
    """The read API answers for the worker's work: which of the two stands still shows in what it says."""
    found = None
    try:
        async with asyncio.timeout(_PROJECTED_WITHIN_S):
            while True:
                found = await following.receipt(sent)
                if found.state == "projected":
                    return Check("worker", True, "projected it; the read API says so")
                if found.state == "quarantined":
                    return Check("worker", False, f"the receipt says {found.text}", _logs(stack, "worker"))
                await asyncio.sleep(0.1)
    except TimeoutError:
        late = f"after {_PROJECTED_WITHIN_S:.0f} s"
        if found is None or found.state == "accepted":
            return Check("worker", False, f"has not projected it {late}", _logs(stack, "worker"))
        return Check("api", False, f"{late} the receipt still says {found.text}", _logs(stack, "api"))


async def _until_numbered(data: Path, stack: Stack) -> Check:
    connection = await asyncpg.connect(database_url(data, "eightbells_reader"))
    try:
        async with asyncio.timeout(_NUMBERED_WITHIN_S):
            while True:
                if not await connection.fetchval("select exists (select from outbox where batch is null)"):
                    break
                await asyncio.sleep(0.1)
    except TimeoutError:
        return Check("relay", False, "leaves outbox rows unnumbered", _logs(stack, "relay"))
    finally:
        await connection.close()
    return Check("relay", True, "numbered what was written to the outbox")


def _logs(stack: Stack, part: str) -> str:
    return f"see `eightbells logs {part} --data {stack.dataDir}`"
