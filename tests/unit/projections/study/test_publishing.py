import json
from collections.abc import Callable
from typing import Any

import pytest

from projections.study.model import Site, Study, document
from projections.study.publishing import Published, StudyRefused, differences
from tests.unit.projections.study.example import GOOD, read

STUDY = read(GOOD)
PUBLISHED = Published("uat", {"en": "A study"}, (STUDY,), STUDY.sites)


def changed(change: Callable[[dict[str, Any]], object]) -> Study:
    content = document(STUDY)
    change(content)
    return Study.model_validate_json(json.dumps(content))


def put(version: str, **fields: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.update(version=version, **fields)


def test_a_new_study_creates_everything() -> None:
    assert differences(STUDY, None) == [
        "create study S-1 (uat)",
        "publish version 1.0",
        "add site A (Europe/Berlin)",
        "add instrument diary 1.0",
        "add schedule 1.0 (14 visits per patient)",
    ]


def test_a_published_study_has_nothing_to_change() -> None:
    assert differences(STUDY, PUBLISHED) == []


def test_an_older_version_has_nothing_to_change_either() -> None:
    newer = changed(put("1.1"))
    assert differences(STUDY, Published("uat", STUDY.title, (STUDY, newer), STUDY.sites)) == []


def test_a_published_version_is_immutable() -> None:
    with pytest.raises(StudyRefused, match=r"Version 1\.0 of S-1 is published .* in: title\."):
        differences(changed(put("1.0", title={"en": "Another"})), PUBLISHED)


def test_the_purpose_is_immutable_in_any_version() -> None:
    with pytest.raises(StudyRefused, match="a uat study for ever; the file says production"):
        differences(changed(put("2.0", purpose="production")), PUBLISHED)


def test_an_instrument_needs_a_new_version_to_change() -> None:
    def reword(content: dict[str, Any]) -> None:
        content["version"] = "1.1"
        content["instruments"][0]["items"][0]["max"] = 11

    with pytest.raises(StudyRefused, match=r"Instrument diary 1\.0 is published .* in: items\."):
        differences(changed(reword), PUBLISHED)


def test_a_schedule_needs_a_new_version_to_change() -> None:
    def delay(content: dict[str, Any]) -> None:
        content["version"] = "1.1"
        content["schedule"]["visits"][0]["grace"] = "2h"

    with pytest.raises(StudyRefused, match=r"Schedule 1\.0 is published .* in: visits\."):
        differences(changed(delay), PUBLISHED)


def test_a_new_version_says_what_it_adds_and_what_it_leaves() -> None:
    def grow(content: dict[str, Any]) -> None:
        content |= {"version": "2.0", "title": {"en": "A longer study"}}
        content["sites"] = [{"id": "B", "name": "New", "timeZone": "Asia/Kolkata"}]
        content["instruments"][0]["version"] = "2.0"
        content["schedule"]["version"] = "2.0"

    assert differences(changed(grow), PUBLISHED) == [
        "publish version 2.0 (after 1.0)",
        "change the title",
        "add site B (Asia/Kolkata)",
        "keep site A, which the file does not list, with its patients",
        "add instrument diary 2.0",
        "add schedule 2.0 (14 visits per patient), for patients to come",
    ]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (Site(id="A", name="Other", time_zone="Europe/Berlin"), "rename site A"),
        (
            Site(id="A", name=STUDY.sites[0].name, time_zone="UTC"),
            "change site A from Europe/Berlin to UTC, for patients to come",
        ),
    ],
)
def test_a_site_that_changes_is_told(site: Site, expected: str) -> None:
    study = changed(put("2.0", sites=[document(site)]))
    assert differences(study, PUBLISHED) == ["publish version 2.0 (after 1.0)", expected]
