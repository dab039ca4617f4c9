"""Why a worker is not ready."""

from prometheus_client import CollectorRegistry

from stream_workers.reports.health import Health
from stream_workers.reports.metrics import WorkerMetrics


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def health(clock: Clock) -> Health:
    made = Health(WorkerMetrics(CollectorRegistry()), clock)
    made.note("start", None)
    return made


def test_every_reason_is_told_until_it_is_gone() -> None:
    one = health(Clock())
    one.note("position", "reading where the ledger stands")
    one.note("postgres", "waiting for Postgres (InvalidPasswordError)")
    assert one.readiness() == "reading where the ledger stands; waiting for Postgres (InvalidPasswordError)"
    one.note("postgres", None)
    one.note("position", None)
    assert one.readiness() is None


def test_a_loop_that_stands_still_is_not_ready_until_it_turns_again() -> None:
    clock = Clock()
    one = health(clock)
    clock.now += 20
    assert one.readiness() is None
    clock.now += 1
    assert one.readiness() == "the worker's loop has stood still for 21 s"
    one.turn()
    assert one.readiness() is None


def test_a_worker_that_stopped_says_only_why() -> None:
    clock = Clock()
    one = health(clock)
    one.note("kafka", "Kafka does not answer")
    one.stop("the topic is gone")
    clock.now += 100
    one.note("kafka", None)
    assert one.readiness() == "stopped: the topic is gone"
