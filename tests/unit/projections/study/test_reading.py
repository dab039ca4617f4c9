import json
from pathlib import Path

import pytest

from projections.study.model import SCHEMA_FILE, Study, document, json_schema
from projections.study.reading import StudyFileError, parse_study, read_study
from tests.unit.projections.study.example import GOOD, YAML, read


def findings(text: str, file: Path = YAML) -> list[str]:
    with pytest.raises(StudyFileError) as caught:
        read(text, file)
    return str(caught.value).split("\n")[1:]


def test_a_study_is_read_with_its_defaults() -> None:
    study = read(GOOD)
    assert study.instruments[0].respondents == ("self",)
    assert study.instruments[0].items[3].required is False
    assert study.schedule.visits[0].offsets() == tuple(range(14))
    assert study.rules()[0].grace.total_seconds() == 3600


def test_a_stored_study_reads_as_the_same_one() -> None:
    study = read(GOOD)
    assert Study.model_validate_json(json.dumps(document(study))) == study


def test_json_and_a_byte_order_mark_are_read_alike() -> None:
    text = json.dumps(document(read(GOOD)))
    assert read("\ufeff" + text, Path("study.json")) == read(GOOD) == read("\ufeff" + GOOD)


def test_times_need_no_quotes_because_nothing_is_read_as_sexagesimal() -> None:
    assert read(GOOD.replace('"11:00"', "20:00")).schedule.visits[0].closes == "20:00"


def test_aliases_may_be_used() -> None:
    text = GOOD.replace("text: {en: Pain}", "text: &t {en: Pain}").replace("text: {en: Weight}", "text: *t")
    assert read(text).instruments[0].items[1].text == {"en": "Pain"}


WRONG = {
    "unknown purpose": ("purpose: uat", "purpose: test", "study.yaml:3: purpose: "),
    "missing field": ('version: "1.0"\npurpose', "purpose", "study.yaml:1: version: is missing."),
    "version without quotes": ('version: "1.0"\np', "version: 1.0\np", "2: version: has to be text; put it"),
    "unknown field": ("purpose: uat", "purpose: uat\nsponsor: x", "4: sponsor: is not a field"),
    "repeated field": (
        "purpose: uat",
        "purpose: uat\npurpose: uat",
        "4: the field 'purpose' stands here twice",
    ),
    "bad id": ("studyId: S-1", "studyId: =cmd|x", "1: studyId: "),
    "no such zone": ("Europe/Berlin", "Europe/Atlantis", "7: sites[0].timeZone: is not an IANA time zone."),
    "repeated site": (
        "  - {id: A,",
        "  - {id: A, name: x, timeZone: UTC}\n  - {id: A,",
        "8: sites[1]: the site 'A' stands here twice.",
    ),
    "no sites": (
        'sites:\n  - {id: A, name: "Ward; <b>=1+1</b>", timeZone: Europe/Berlin}',
        "sites: []",
        "6: sites: ",
    ),
    "unknown item type": (
        "type: boolean",
        "type: slider",
        "15: instruments[0].items[2]: has an unknown type",
    ),
    "item without a type": ("type: boolean, ", "", "15: instruments[0].items[2]: needs a type"),
    "range upside down": (
        "min: 0, max: 10",
        "min: 10, max: 0",
        "13: instruments[0].items[0].min: is not below",
    ),
    "number as text": ("min: 0, max: 10", 'min: "0", max: 10', "13: instruments[0].items[0].min: "),
    "one choice": (", {value: 1, text: {en: good}}", "", "20: instruments[0].items[4].choices: "),
    "choices of two kinds": (
        "{value: 1,",
        "{value: yes,",
        "20: instruments[0].items[4].choices: mixes numbers",
    ),
    "text in a foreign language": ("title: {en: A", "title: {zh: x, en: A", "4: title.zh: is not among"),
    "text in one language of two": ("[en]", "[en, zh]", "title: has no text in 'zh'"),
    "score of a missing item": (
        "[pain, mood]",
        "[pain, fever]",
        "22: instruments[0].scoring[0].items[1]: there is",
    ),
    "score of a text": ("[pain, mood]", "[pain, note]", "the item 'note' has no number to score."),
    "alert on a missing item": (
        "item: pain,",
        "item: fever,",
        "24: instruments[0].alerts[0].item: there is no",
    ),
    "alert that cannot fire": ("value: 9,", "value: 11,", "alerts[0].value: no answer in the item's range"),
    "alert of another type": ("value: 9,", "value: high,", "alerts[0].value: has to be a number"),
    "unknown level": ("level: urgent", "level: severe", "24: instruments[0].alerts[0].level: "),
    "unknown instrument": (
        "required: [diary]",
        "required: [phq-9]",
        "34: schedule.visits[0].required[0]: there is",
    ),
    "nothing required": ("required: [diary]", "required: []", "34: schedule.visits[0].required: "),
    "closes before it opens": ('"11:00"', '"08:00"', "32: schedule.visits[0].closes: is not after opens"),
    "no wall time": ('"08:00"', '"8 am"', "31: schedule.visits[0].opens: "),
    "an hour that is none": ('"08:00"', '"24:00"', "31: schedule.visits[0].opens: "),
    "grace without a unit": ("grace: 1h", "grace: 60", "33: schedule.visits[0].grace: "),
    "grace beyond measure": (
        "grace: 1h",
        "grace: 99d",
        "33: schedule.visits[0].grace: is longer than 60 days",
    ),
    "day and days": (
        "days: {from",
        "day: 1\n      days: {from",
        "schedule.visits[0]: needs either day or days.",
    ),
    "days that are none": ("to: 13", "to: -1", "30: schedule.visits[0].days: no day lies between"),
    "too many visits": ("to: 13}", "to: 3650}\n      closesDaysAfter: 61", "closesDaysAfter: "),
    "a control character": ("A study", '"A \\u0007 study"', "4: title.en: holds a control character"),
    "a NUL": ("A study", '"A \\0 study"', "4: title.en: holds a control character"),
    "a lone surrogate": ("A study", '"A \\ud800 study"', "4: title.en: holds a control character"),
    "an object of Python": ("A study", "!!python/object/apply:os.system [ls]", "4: title.en: the tag "),
    "infinity": ("min: 20,", "min: 1e999,", "14: instruments[0].items[1].min: "),
    "not YAML": ("sites:", "sites: [", "is not YAML: "),
    "two documents": ("languages: [en]", "languages: [en]\n---\na: 1", "is not YAML: "),
}


@pytest.mark.parametrize(("good", "bad", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_with_its_line_and_its_path(good: str, bad: str, expected: str) -> None:
    assert good in GOOD
    told = findings(GOOD.replace(good, bad, 1))
    assert any(expected in one for one in told), told
    assert all(one.startswith("study.yaml") for one in told)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = findings(GOOD.replace("uat", "x").replace("type: boolean", "type: y").replace('"08:00"', "8"))
    assert [one.split(" ")[0] for one in told] == ["study.yaml:3:", "study.yaml:15:", "study.yaml:31:"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("- a", "is not a mapping"),
        ("just text", "is not a mapping"),
        ("a: " + "[" * 2_000 + "]" * 2_000, "is nested too deeply"),
        ("a: " + "[" * 60 + "]" * 60, "is nested too deeply"),
        ("1: a", "a field's name has to be text"),
        ("? [a]\n: b", "a field's name has to be text"),
        (
            "a: &a [x]\nb: &b [" + "*a," * 9 + "]\nc: &c [" + "*b," * 99 + "]\nd: [" + "*c," * 999 + "]",
            "multiply",
        ),
    ],
)
def test_what_is_no_study_at_all_is_refused_in_a_sentence(text: str, expected: str) -> None:
    assert expected in findings(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "study.json:1: is not JSON"),
        ('{"a": 1, "a": 2}', "has the field 'a' twice"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": ' + "9" * 5000 + "}", "a number is too long"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "nested too deeply"),
        ('{"studyId": 7}', "study.json: studyId: has to be text"),
    ],
)
def test_wrong_json_is_refused_in_a_sentence(text: str, expected: str) -> None:
    assert any(expected in one for one in findings(text, Path("study.json")))


def test_bytes_that_are_not_utf_8_are_refused_with_their_line() -> None:
    with pytest.raises(StudyFileError, match=r"study\.yaml:2: is not UTF-8"):
        parse_study(b"a: b\nc: \xff", YAML)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="cannot be read"):
        read_study(tmp_path / "study.yaml")


def test_the_published_json_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json_schema()
