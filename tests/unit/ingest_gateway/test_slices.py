import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.slices import slice_reports

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Batch(msgspec.Struct):
    reports: list[msgspec.Raw]


@given(st.lists(JSON, min_size=1), st.booleans())
def test_where_json_can_be_parsed_the_slices_are_the_parsers(values: list[object], spaced: bool) -> None:
    body = orjson.dumps({"reports": values}, option=orjson.OPT_INDENT_2 if spaced else 0)
    parsed = msgspec.json.decode(body, type=Batch).reports
    assert slice_reports(body) == [bytes(raw).strip() for raw in parsed]


@pytest.mark.parametrize(
    "bad",
    [
        rb'"\ud83d"',
        rb'{"text":"half an emoji, \ud83d, and ]},{ in it"}',
        b"NaN",
        b'{"a":-Infinity}',
        rb'"\x"',
        b"007",
        b"[" * 5000 + b"]" * 5000,
        b'"\xff"',
        rb'"a quote \" and a backslash \\"',
    ],
)
def test_an_element_that_is_no_json_is_cut_out_as_it_is(bad: bytes) -> None:
    assert slice_reports(b'{"reports" : [{"a":[1]} ,' + bad + b',\n"z"]}\n') == [b'{"a":[1]}', bad, b'"z"']


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b'{"reports":[',
        b'{"reports":[1',
        b'{"reports":[1]',
        b'{"reports":[]}',
        b'{"reports":[1,]}',
        b'{"reports":[,1]}',
        b'{"reports":[1]}}',
        b'{"reports":[1],"more":2}',
        b'{"reports":[{"a":1],2]}',
        b'{"reports":["unended]}',
        rb'{"reports":["unended\"]}',
        b'{"reports":[}]}',
        b'{"other":[1]}',
    ],
)
def test_what_cannot_be_told_apart_is_not_guessed(body: bytes) -> None:
    assert slice_reports(body) is None


def test_a_megabyte_of_brackets_is_given_up() -> None:
    assert slice_reports(b'{"reports":[' + b"[" * 2**20) is None
    assert slice_reports(b'{"reports":[' + b"[]" * 2**19 + b"]}") is None
    assert slice_reports(b'{"reports":["' + b"\\" * (2**20 + 1)) is None
