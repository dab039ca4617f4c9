from collections import Counter
from datetime import UTC, datetime, timedelta

from projections.store import Arrival, Entry
from stream_workers.reports.breaker import MOST_OF_ONE_SENDER, Blamed, QuarantineBreaker, blame

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def of_as_many_senders(count: int) -> Blamed:
    return Counter({f"u-{number}": 1 for number in range(count)})


def test_it_opens_when_the_limit_is_reached_and_half_of_all_are_quarantined() -> None:
    breaker = QuarantineBreaker(10)
    assert not breaker.opens(9, of_as_many_senders(9), NOW)
    assert breaker.opens(20, of_as_many_senders(10), NOW)
    assert not breaker.opens(21, of_as_many_senders(10), NOW)


def test_it_counts_a_minute_and_forgets_what_is_older() -> None:
    breaker = QuarantineBreaker(10)
    breaker.note(6, Counter({None: 6}), NOW)
    assert breaker.opens(4, of_as_many_senders(4), NOW + timedelta(seconds=60))
    assert not breaker.opens(4, of_as_many_senders(4), NOW + timedelta(seconds=61))


def test_good_reports_of_the_same_minute_keep_it_shut() -> None:
    breaker = QuarantineBreaker(10)
    breaker.note(1000, Counter(), NOW)
    assert not breaker.opens(500, of_as_many_senders(500), NOW)
    assert breaker.opens(1000, of_as_many_senders(1000), NOW)


def test_one_sender_cannot_open_it_alone_however_much_it_sends() -> None:
    breaker = QuarantineBreaker(2 * MOST_OF_ONE_SENDER)
    breaker.note(5000, Counter({"bad": 5000}), NOW)
    assert not breaker.opens(5000, Counter({"bad": 5000}), NOW)
    assert breaker.opens(5000, Counter({"bad": 2500, "worse": 2500}), NOW)


def test_what_no_sender_can_cause_counts_each_time() -> None:
    assert QuarantineBreaker(500).opens(500, Counter({None: 500}), NOW)


def test_repeated_quarantines_of_a_sender_do_not_pass_for_good_reports() -> None:
    senders = dict.fromkeys("abcde", 3 * MOST_OF_ONE_SENDER)
    assert QuarantineBreaker(5 * MOST_OF_ONE_SENDER).opens(sum(senders.values()), Counter(senders), NOW)


def test_batches_without_a_quarantine_are_forgotten_too() -> None:
    breaker = QuarantineBreaker(10)
    for minute in range(5):
        breaker.note(1000, Counter(), NOW + timedelta(minutes=2 * minute))
    assert breaker.opens(1000, of_as_many_senders(1000), NOW + timedelta(minutes=9))
    assert len(breaker._batches) == 1


def test_senders_are_blamed_only_for_what_a_gateway_lets_through() -> None:
    sent = Arrival(0, 0, NOW, user_id="u-1")
    garbled = Arrival(0, 1, NOW, user_id="u-1", trouble="unreadable")
    nobody = Arrival(0, 2, NOW)
    entries = [Entry(sent, "unknown_patient"), Entry(garbled, "unreadable"), Entry(nobody, "unattributed")]
    assert blame(entries) == {"u-1": 1, None: 2}
