"""The parts of one stack: started in order, kept running, stopped in the other order.

Order: PostgreSQL and Kafka side by side; schema and topics; then our own processes. Stopping goes the other
way: the gateway first, so that what it has acknowledged is in Kafka, and the two stores last.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Final

import msgspec

from deploy.local import aot, broker, services
from deploy.local.announce import Announce, Event
from deploy.local.book import Book
from deploy.local.children import Child, Command, Nursery, Run
from deploy.local.credentials import record_owner_url
from deploy.local.jars import cache_dir
from deploy.local.keeper import Keeper, Part
from deploy.local.layout import open_log
from deploy.local.parts import MODULES, python_part
from deploy.local.plan import Plan
from deploy.local.ports import PortLocks
from deploy.local.state import AOT_MAKER, Record, StackError, identify
from ingest_gateway.process.topics import UnsafeTopic

STOP_S: Final = 14.0
"""All parts have ended within this time."""

STOP_ORDER: Final = ((("gateway",), 0.0), (("worker", "relay", "api"), 3.5), (("kafka", "postgres"), 5.0))
"""Who stops together, and the seconds that are kept for a group while those before it take their time."""


async def together(*work: Coroutine[object, object, None]) -> None:
    """Do all of it at the same time; where one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


class LocalStack:
    """The parts of one stack, from first start to last stop."""

    def __init__(self, plan: Plan, nursery: Nursery, announce: Announce, locks: PortLocks) -> None:
        self._plan = plan
        self._nursery = nursery
        self._announce = announce
        self._locks = locks
        self._keepers: dict[str, Keeper] = {}
        self._aot_wanted: broker.Java | None = None
        self._book = Book(
            plan.data,
            Record(
                supervisor=identify(os.getpid()),
                phase="starting",
                parts=plan.parts,
                brokers=plan.brokers,
                kafka=services.kafka_address(plan),
                database=bool(services.database_address(plan)),
                gateway=plan.address("gateway"),
                api=plan.address("api"),
            ),
        )
        if plan.moved:
            moves = ", ".join(f"{name} {usual} → {port}" for name, (usual, port) in plan.moved.items())
            self._book.noted(f"Ports were taken, so these moved: {moves}.")

    async def start(self) -> None:
        """Start everything in order; returns when every part is ready.

        Raises:
            StackError: a part did not come up.
        """
        plan = self._plan
        owner_url, kafka = services.database_address(plan), services.kafka_address(plan)
        if owner_url:
            record_owner_url(plan.data, owner_url)
        stores = []
        if "postgres" in plan.parts:
            stores.append(self._start_postgres(owner_url))
        if "kafka" in plan.parts:
            stores.append(self._start_kafka())
        await together(*stores)
        if owner_url:
            applied = await services.migrate_database(plan.data, owner_url)
            self._announce(Event("done", "schema", services.summary(applied, "up to date")))
        brokers = plan.brokers
        if kafka:
            brokers = await services.cluster_size(kafka)
            made = await self._make_topics(kafka, brokers)
            self._announce(Event("done", "topics", services.summary(made, "as the contract has them")))
        ours = [python_part(name, plan, kafka, brokers) for name in MODULES if name in plan.parts]
        await together(*(self._start(part) for part in ours))
        self._book.phase("ready")

    async def keep(self) -> None:
        """Bring parts back as they die; runs until it is cancelled."""
        work = [keeper.keep() for keeper in self._keepers.values()]
        if self._aot_wanted is not None:
            work.append(self._make_aot_cache(self._aot_wanted))
        await together(*work)

    async def stop(self) -> None:
        """Stop every part, last started first; nothing is left afterwards."""
        self._book.phase("stopping")
        self._announce(Event("progress", "stack", "stopping"))
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + STOP_S
        kept = sum(seconds for _, seconds in STOP_ORDER)
        for names, seconds in STOP_ORDER:
            kept -= seconds
            within = max(deadline - loop.time() - kept, 0.5)
            group = [each for name, each in self._keepers.items() if name.partition("-")[0] in names]
            await asyncio.gather(*(keeper.stop(within) for keeper in group))
        self._book.close()
        self._announce(Event("stopped", "stack", f"everything has ended after {loop.time() - began:.1f} s"))

    async def _make_topics(self, kafka: str, brokers: int) -> list[str]:
        try:
            return await services.make_topics(kafka, brokers)
        except UnsafeTopic as error:
            if "kafka" not in self._plan.parts:
                raise
            raise StackError(
                f"{error} An older version of Eight Bells has made it: "
                f"`eightbells reset --data {self._plan.data}` deletes this stack's data, reports and all."
            ) from error

    async def _start_postgres(self, owner_url: str) -> None:
        self._announce(Event("progress", "postgres", "starting"))
        part, home = await services.set_up_postgres(self._plan, self._runner("postgres"))
        if home.account and not home.data.is_relative_to(self._plan.data.absolute()):
            self._book.noted(
                f"PostgreSQL's data is in {home.data}: it runs as {home.account.name!r}, who may not enter "
                f"{self._plan.data}. `eightbells reset` removes it too."
            )
        await self._start(part)
        await services.make_database(owner_url)

    async def _start_kafka(self) -> None:
        jars = await services.fetch_jars(self._read_lines, self._announce)
        java = broker.find_java(jars)
        self._announce(Event("progress", "kafka", "starting"))
        file = aot.cache_file(java, cache_dir())
        if not file.exists():
            self._aot_wanted = java
        cache = file if file.exists() else None
        parts = await services.set_up_kafka(self._plan, java, cache, self._runner("kafka"))
        await together(*(self._start(part) for part in parts))

    async def _make_aot_cache(self, java: broker.Java) -> None:
        """In the background, once the stack is up: it is for the next start."""
        file = aot.cache_file(java, cache_dir())
        ports = (self._locks.choose("kafka-1", {}), self._locks.choose("kafka-1-controller", {}))
        began = asyncio.get_running_loop().time()
        try:
            await aot.make(file, java, ports, self._run_in_background, self._spawn_in_background)
        except (StackError, OSError) as error:
            self._announce(Event("warning", "kafka", f"no AOT cache, so starts stay slower: {error}"))
        else:
            seconds = asyncio.get_running_loop().time() - began
            self._announce(
                Event("done", "kafka", f"AOT cache made in {seconds:.0f} s; the next start is faster")
            )
        finally:
            self._book.ended(AOT_MAKER)
            for port in ports:
                self._locks.give_back(port)

    async def _start(self, part: Part) -> None:
        keeper = Keeper(part, self._nursery, self._book, self._announce, self._plan.data)
        self._keepers[part.name] = keeper
        await keeper.start()

    def _runner(self, log: str) -> Run:
        """Runs commands whose output goes to a part's log."""

        async def run(command: Command) -> int:
            output = open_log(self._plan.data, log)
            try:
                return await self._nursery.run(command, output)
            finally:
                os.close(output)

        return run

    def _spawn_in_background(self, command: Command) -> Child:
        output = open_log(self._plan.data, AOT_MAKER)
        try:
            child = self._nursery.spawn(msgspec.structs.replace(command, background=True), output)
        finally:
            os.close(output)
        self._book.spawned(AOT_MAKER, child.pid, None, 0)
        return child

    async def _run_in_background(self, command: Command) -> int:
        child = self._spawn_in_background(command)
        try:
            return await asyncio.shield(child.exited)
        finally:
            await child.stop(0)

    async def _read_lines(self, command: Command, heard: Callable[[str], None]) -> int:
        reading, writing = os.pipe()
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reading, "rb", buffering=0)
        )
        try:
            running = loop.create_task(self._nursery.run(command, writing))
            await asyncio.sleep(0)
            os.close(writing)
            async for line in lines:
                heard(line.decode(errors="replace").strip())
            return await running
        finally:
            transport.close()
