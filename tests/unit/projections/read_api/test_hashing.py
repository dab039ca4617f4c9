import asyncio
import threading

import pytest
from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry

from projections.passwords import HASHER, hash_password, password_matches
from projections.read_api.hashing import PasswordThreads
from projections.read_api.metrics import Metrics
from projections.read_api.problems import ProblemError

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def test_a_password_is_hashed_with_argon2id_and_matches_only_itself() -> None:
    hashed = hash_password("correct horse", QUICK)
    assert hashed.startswith("$argon2id$")
    assert password_matches("correct horse", hashed, QUICK)
    assert not password_matches("correct house", hashed, QUICK)
    assert not password_matches("correct horse", "not a hash", QUICK)


def test_the_parameters_are_at_least_those_owasp_recommends() -> None:
    assert HASHER.memory_cost >= 19 * 1024
    assert HASHER.time_cost >= 2


async def test_hashing_leaves_the_event_loops_thread_alone() -> None:
    threads = PasswordThreads(1, 1, Metrics(CollectorRegistry()), QUICK)
    seen = await threads._run(threading.current_thread)
    assert seen is not threading.current_thread()
    threads.close()


async def test_who_comes_when_the_queue_is_full_is_sent_away() -> None:
    threads = PasswordThreads(1, 1, Metrics(CollectorRegistry()), QUICK)
    release = asyncio.Event()

    async def hold() -> None:
        async with threads.slot():
            await release.wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(hold())
    await asyncio.sleep(0)
    with pytest.raises(ProblemError) as refused:
        async with threads.slot():
            pass
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert "Retry-After" in refused.value.headers
    release.set()
    await asyncio.gather(holding, waiting)
    async with threads.slot():
        pass
    threads.close()
