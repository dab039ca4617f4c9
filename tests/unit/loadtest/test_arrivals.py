"""Arrivals are fixed in advance, within the time, and repeat with their seed."""

import pytest

from loadtest.arrivals import PROFILES, Arrivals, peaked, uniform
from tests.unit.loadtest.conftest import seeded


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_report_has_its_moment_within_the_time(profile: Arrivals) -> None:
    offsets = profile(5_000, 10.0, seeded(1))
    assert len(offsets) == 5_000
    assert offsets == sorted(offsets)
    assert offsets[0] >= 0.0
    assert offsets[-1] < 10.0


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_seed_repeats_its_arrivals(profile: Arrivals) -> None:
    assert profile(100, 3.0, seeded(7)) == profile(100, 3.0, seeded(7))
    assert profile(100, 3.0, seeded(7)) != profile(100, 3.0, seeded(8))


def test_uniform_arrivals_have_no_busy_hour() -> None:
    offsets = uniform(20_000, 10.0, seeded(1))
    for second in range(10):
        assert 1_800 < sum(second <= offset < second + 1 for offset in offsets) < 2_200


def test_a_peak_starts_at_three_times_the_mean_rate() -> None:
    offsets = peaked(20_000, 10.0, seeded(1))
    assert 5_000 < sum(offset < 1 for offset in offsets) < 6_000
    assert sum(offset >= 9 for offset in offsets) < 500


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_nobody_sends_nothing(profile: Arrivals) -> None:
    assert profile(0, 10.0, seeded(1)) == []
