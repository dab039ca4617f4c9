from datetime import UTC, datetime, timedelta

from stream_workers.reports.breaker import QuarantineBreaker

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_it_opens_when_the_limit_is_reached_and_half_of_all_are_quarantined() -> None:
    breaker = QuarantineBreaker(10)
    assert not breaker.opens(9, 9, NOW)
    assert breaker.opens(20, 10, NOW)
    assert not breaker.opens(21, 10, NOW)


def test_it_counts_a_minute_and_forgets_what_is_older() -> None:
    breaker = QuarantineBreaker(10)
    breaker.note(6, 6, NOW)
    assert breaker.opens(4, 4, NOW + timedelta(seconds=60))
    assert not breaker.opens(4, 4, NOW + timedelta(seconds=61))


def test_good_reports_of_the_same_minute_keep_it_shut() -> None:
    breaker = QuarantineBreaker(10)
    breaker.note(1000, 0, NOW)
    assert not breaker.opens(500, 500, NOW)
    assert breaker.opens(1000, 1000, NOW)
