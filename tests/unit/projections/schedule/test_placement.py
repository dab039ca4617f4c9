from datetime import UTC, datetime, timedelta

import pytest

from projections.schedule import (
    Candidate,
    Placement,
    VisitState,
    Window,
    choose_visit,
    place_amendment,
    with_form,
)

EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def at(hours: float) -> datetime:
    return EIGHT + timedelta(hours=hours)


def visit(
    visit_id: str,
    opens: float,
    closes: float,
    required: tuple[str, ...] = ("diary",),
    cancelled: datetime | None = None,
    **forms: datetime,
) -> Candidate:
    window = Window(at(opens), at(closes), at(closes + 1))
    return Candidate(visit_id, VisitState(window, required, forms, cancelled, ("phq-9",)))


MORNING = visit("V-0001", 0, 3)
EVENING = visit("V-0002", 12, 15)
DAY = visit("V-0003", -2, 14)
VISITS = [MORNING, EVENING, DAY]


def place(recorded: datetime, visit_id: str | None = None, instrument: str = "diary") -> Placement:
    return choose_visit(VISITS, instrument, recorded, visit_id)


def test_the_named_visit_is_taken_even_where_another_closes_sooner() -> None:
    placed = place(at(1), "V-0003")
    assert (placed.kind, placed.visit_id, placed.flags) == ("completes", "V-0003", ())
    assert placed.completion is not None
    assert (placed.completion.completed_at, placed.completion.timeliness) == (at(1), "on_time")


def test_without_a_name_the_open_window_that_closes_first_is_taken() -> None:
    assert place(at(1)).visit_id == "V-0001"
    assert place(at(12.5)).visit_id == "V-0003"
    assert place(at(14.5)).visit_id == "V-0002"


def test_an_open_window_comes_before_one_that_is_in_its_grace() -> None:
    assert place(at(3.5)).visit_id == "V-0003"


def test_where_no_window_is_open_one_in_its_grace_is_completed_late() -> None:
    placed = choose_visit([MORNING, EVENING], "diary", at(3.5), None)
    assert (placed.kind, placed.visit_id) == ("completes", "V-0001")
    assert placed.completion is not None
    assert placed.completion.timeliness == "late"


def test_a_report_of_no_window_is_unscheduled() -> None:
    assert place(at(40)) == Placement("unscheduled")
    assert place(at(1), None, "other").kind == "unscheduled"


def test_a_visit_that_is_not_the_patients_is_flagged_and_the_open_window_is_taken() -> None:
    placed = place(at(1), "V-0999")
    assert (placed.kind, placed.visit_id, placed.flags) == ("completes", "V-0001", ("unknown_visit",))


def test_a_visit_that_does_not_ask_for_the_instrument_is_flagged_and_the_open_window_is_taken() -> None:
    only_phq = visit("V-0009", 0, 3, required=("phq-9",))
    placed = choose_visit([only_phq, MORNING], "diary", at(1), "V-0009")
    assert (placed.visit_id, placed.flags) == ("V-0001", ("instrument_not_in_visit",))


def test_a_second_report_is_kept_as_extra() -> None:
    state = with_form(MORNING.state, "diary", at(1))
    placed = choose_visit([Candidate("V-0001", state)], "diary", at(0.5), "V-0001")
    assert placed == Placement("extra", "V-0001")


@pytest.mark.parametrize(
    ("recorded", "flag"), [(at(-0.01), "recorded_before_window"), (at(4), "recorded_after_window")]
)
def test_a_report_for_a_named_visit_from_outside_its_window_is_kept_with_it_and_changes_nothing(
    recorded: datetime, flag: str
) -> None:
    assert place(recorded, "V-0001") == Placement("extra", "V-0001", flags=(flag,))


def test_the_first_of_two_required_instruments_is_partial_and_the_second_completes() -> None:
    both = visit("V-0001", 0, 3, required=("diary", "weight"))
    first = choose_visit([both], "diary", at(1), None)
    assert (first.kind, first.completion) == ("partial", None)
    state = with_form(both.state, "diary", at(1))
    second = choose_visit([Candidate("V-0001", state)], "weight", at(0.5), None)
    assert second.kind == "completes"
    assert second.completion is not None
    assert second.completion.completed_at == at(1)


def test_an_optional_instrument_is_kept_once_and_completes_nothing() -> None:
    placed = choose_visit([MORNING], "phq-9", at(1), "V-0001")
    assert placed == Placement("optional", "V-0001")
    state = with_form(MORNING.state, "phq-9", at(1))
    assert choose_visit([Candidate("V-0001", state)], "phq-9", at(2), None).kind == "extra"


def test_a_cancelled_visit_takes_only_what_was_recorded_before() -> None:
    cancelled = visit("V-0001", 0, 3, cancelled=at(1))
    assert choose_visit([cancelled], "diary", at(0.5), None).kind == "completes"
    assert choose_visit([cancelled], "diary", at(1), None).kind == "unscheduled"
    assert choose_visit([cancelled], "diary", at(1), "V-0001").flags == ("visit_cancelled",)


def test_ties_go_to_the_lower_visit_id() -> None:
    twins = [visit("V-0008", 0, 3), visit("V-0007", 0, 3)]
    assert choose_visit(twins, "diary", at(1), None).visit_id == "V-0007"


def test_the_order_of_the_candidates_does_not_matter() -> None:
    assert choose_visit(VISITS[::-1], "diary", at(1), None) == place(at(1))


def test_an_amendment_goes_where_the_amended_report_is_and_completes_nothing() -> None:
    assert place_amendment("V-0001", known=True) == Placement("amendment", "V-0001")
    assert place_amendment(None, known=False).flags == ("amends_unknown",)
