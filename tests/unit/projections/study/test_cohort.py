from datetime import date

import pytest

from projections.study.cohort import CohortError, CohortLine, parse_cohort

SITES = {"S-01": "Asia/Shanghai", "S-02": "Europe/Berlin"}
HEADER = "patientId,siteId,startDate,timeZone,consentDate,username,name,contact\n"


def parse(text: str | bytes, start: date | None = None) -> list[CohortLine]:
    content = text.encode() if isinstance(text, str) else text
    return parse_cohort(content, "c.csv", SITES, start)


def findings(text: str | bytes) -> list[str]:
    with pytest.raises(CohortError) as caught:
        parse(text)
    assert str(caught.value).startswith("nobody was enrolled")
    return str(caught.value).split("\n")[1:]


def test_a_line_is_read_with_its_sites_zone_and_its_start_date_as_consent() -> None:
    (one,) = parse("patientId,siteId,startDate\nP-1,S-02,2026-11-22\n")
    assert (one.line, one.patient_id, one.site_id, one.time_zone) == (2, "P-1", "S-02", "Europe/Berlin")
    assert one.start_date == one.consent_date == date(2026, 11, 22)
    assert (one.username, one.name, one.contact) == (None, None, None)


def test_every_column_may_be_given_in_any_order() -> None:
    (one,) = parse(
        "contact,name,username,consentDate,timeZone,startDate,siteId,patientId\n"
        '"a, b",李雷,li.lei,2026-11-01,Asia/Kolkata,2026-11-22,S-01,受试者-七\n'
    )
    assert (one.contact, one.name, one.username, one.patient_id) == ("a, b", "李雷", "li.lei", "受试者-七")
    assert (one.time_zone, one.consent_date) == ("Asia/Kolkata", date(2026, 11, 1))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_a_byte_order_mark_spaces_and_empty_lines_do_not_matter(end: str, mark: str) -> None:
    text = f"{mark}patientId, siteId ,startDate{end}{end} P-1 ,S-01,2026-11-22{end},,{end}P-2,S-01,2026-11-22"
    assert [(one.line, one.patient_id) for one in parse(text)] == [(3, "P-1"), (5, "P-2")]


def test_a_start_date_may_be_given_for_everybody() -> None:
    assert parse("patientId,siteId\nP-1,S-01\n", date(2026, 1, 2))[0].start_date == date(2026, 1, 2)


def test_formulas_markup_and_sql_in_names_are_kept_as_they_are() -> None:
    for name in ("=cmd|' /C calc'!A0", "@SUM(1)", "<script>", "'; drop table patients; --", "a\u2028b"):
        quoted = name.replace('"', '""')
        assert parse(f'{HEADER}P-1,S-01,2026-11-22,,,,"{quoted}","two\nlines"\n')[0].name == name


def test_a_cell_with_a_line_break_keeps_the_line_numbers_right() -> None:
    text = HEADER + 'P-1,S-01,2026-11-22,,,,"Two\nlines",\nP-2,S-99,2026-11-22,,,,,\n'
    assert findings(text) == ["c.csv:4: the study has no site 'S-99'."]


LINES = {
    "P-1,S-99,2026-11-22,,,,,": "2: the study has no site 'S-99'.",
    "P-1,,2026-11-22,,,,,": "2: siteId is missing.",
    ",S-01,2026-11-22,,,,,": "2: patientId has to be",
    "=1+1,S-01,2026-11-22,,,,,": "2: patientId has to be",
    "-P,S-01,2026-11-22,,,,,": "2: patientId has to be",
    "P 1,S-01,2026-11-22,,,,,": "2: patientId has to be",
    "e\u0301,S-01,2026-11-22,,,,,": "2: patientId has to be",
    f"{'P' * 65},S-01,2026-11-22,,,,,": "2: patientId has to be",
    "P-1,S-01,,,,,,": "2: startDate is missing.",
    "P-1,S-01,22.11.2026,,,,,": "2: startDate is not a date",
    "P-1,S-01,2026-02-30,,,,,": "2: startDate is not a date",
    "P-1,S-01,20261122,,,,,": "2: startDate is not a date",
    "P-1,S-01,1999-12-31,,,,,": "2: startDate is not a date",
    "P-1,S-01,2026-11-22,,2026-11-23,,,": "2: consentDate is after the start date.",
    "P-1,S-01,2026-11-22,,soon,,,": "2: consentDate is not a date",
    "P-1,S-01,2026-11-22,Asia/Atlantis,,,,": "2: timeZone is not an IANA time zone",
    "P-1,S-01,2026-11-22,../../etc/passwd,,,,": "2: timeZone is not an IANA time zone",
    "P-1,S-01,2026-11-22,,,=x,,": "2: username has to be",
    f"P-1,S-01,2026-11-22,,,,{'x' * 501},": "2: name is longer",
    "P-1,S-01,2026-11-22,,,,a\x07b,": "2: name holds a control character.",
    "P-1,S-01,2026-11-22,,,,": "2: has 7 cells, the header has 8.",
    "P-1,S-01,2026-11-22,,,,,,,": "2: has 10 cells, the header has 8.",
    'P-1,S-01,2026-11-22,,,,"x"y,': "2: is not CSV",
    'P-1,S-01,2026-11-22,,,,"x,': "2: is not CSV",
    "P-1,S-01,2026-11-22,,,,a\0b,": "2: holds a NUL character.",
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_a_wrong_line_is_named_with_its_number(line: str, expected: str) -> None:
    (told,) = findings(f"{HEADER}{line}\n")
    assert told.startswith(f"c.csv:{expected}")


def test_every_wrong_line_is_told_at_once_and_names_stay_out_of_it() -> None:
    told = findings(f"{HEADER}P-1,S-99,x,,,,Secret Name,\nP-2,S-01,2026-11-22,,,,,\n,S-01,2026-11-22,,,,,\n")
    assert [one.split(":")[1] for one in told] == ["2", "2", "4"]
    assert "Secret" not in str(told)


def test_patients_and_usernames_may_stand_only_once() -> None:
    text = HEADER + "P-1,S-01,2026-11-22,,,li,,\n" * 2
    assert findings(text) == [
        "c.csv:3: patient P-1 stands on line 2 already.",
        "c.csv:3: the username stands on line 2 already.",
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "the column patientId is missing."),
        ("patientId,startDate", "the column siteId is missing."),
        ("patientId,siteId", "the column startDate is missing."),
        ("patientId,siteId,startDate,colour", "there is no column 'colour'"),
        ("patientId,siteId,startDate,name,name", "the column 'name' stands twice."),
        ("patientId;siteId;startDate", "the cells have to be separated by commas."),
    ],
)
def test_a_wrong_header_is_explained(header: str, expected: str) -> None:
    assert any(expected in one for one in findings(header + "\n"))


@pytest.mark.parametrize("rest", ["", "\n", "\n,,,,,,,\n  \n"])
def test_a_header_alone_is_an_error_that_says_so(rest: str) -> None:
    assert findings(HEADER + rest) == ["c.csv:1: names the columns, but no patient follows."]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_than_utf_8_are_refused_with_the_line(encoding: str) -> None:
    told = findings(f"{HEADER}P-1,S-01,2026-11-22,,,,Müller,\n".encode(encoding))
    assert told[0].endswith("is not UTF-8; export the file as CSV in UTF-8.")
