"""What is let in, and when it is let go."""

from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.admission import Admission, SenderLimit, UnfinishedLimit


def test_reports_and_bytes_each_have_a_limit() -> None:
    admission = Admission(2, 100)
    admission.reserve(10)
    assert admission.refuses() is None
    admission.reserve(10)
    assert admission.refuses() is not None
    admission.release(1, 10)
    assert admission.refuses() is None
    admission.reserve(90)
    admission.release(1, 0)
    assert admission.refuses() is not None


def test_a_reason_closes_it_whatever_is_free() -> None:
    admission = Admission(2, 100)
    admission.closed_because = "Kafka cannot be reached."
    assert admission.refuses() == "Kafka cannot be reached."


def test_an_offline_catch_up_passes_and_a_flood_does_not() -> None:
    limit = SenderLimit(600, 60)
    assert [limit.take("P-1", 0) for _ in range(600)] == [0] * 600
    assert limit.take("P-1", 0) > 0
    assert limit.take("P-2", 0) == 0


def test_the_wait_it_names_is_long_enough() -> None:
    limit = SenderLimit(3, 60)
    for _ in range(3):
        limit.take("P-1", 100)
    wait = limit.take("P-1", 100)
    assert limit.take("P-1", 100 + wait) == 0


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_nobody_sends_more_than_the_burst_and_what_time_allows(pauses: list[float]) -> None:
    limit, now, passed = SenderLimit(5, 60), 0.0, 0
    for pause in pauses:
        now += pause
        passed += limit.take("P-1", now) == 0
    assert passed <= 5 + now + 1e-6


def test_senders_whose_bucket_is_full_again_are_forgotten() -> None:
    limit = SenderLimit(10, 60)
    for number in range(1000):
        limit.take(f"P-{number}", now=number / 1000)
    limit.take("busy", 1)
    limit.take("busy", 1)
    limit.forget_full(2.5)
    assert len(limit) == 1


def test_a_sender_may_leave_so_much_unfinished_and_another_as_much() -> None:
    limit = UnfinishedLimit(1024 * 1024)
    assert [limit.begin("u-1", 1) for _ in range(17)] == [True] * 16 + [False]
    assert limit.begin("u-2", 1024 * 1024)
    assert not limit.begin("u-2", 1)
    limit.end("u-1", 1)
    assert limit.begin("u-1", 64 * 1024)


def test_a_sender_who_has_finished_is_forgotten() -> None:
    limit = UnfinishedLimit(1024 * 1024)
    for size in (1, 70_000, 500_000):
        limit.begin("u-1", size)
    assert len(limit) == 1
    for size in (70_000, 500_000, 1):
        limit.end("u-1", size)
    assert len(limit) == 0
