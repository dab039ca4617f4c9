"""Requests and answers of the client, byte by byte."""

import pytest

from loadtest.client import Patience, SentAt
from loadtest.wire import Answer, Connection, NotLoopback, Target, loopback_target, report_request


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080", Target("127.0.0.1", 8080)),
        ("http://127.8.8.8:1/", Target("127.8.8.8", 1)),
        ("http://localhost:8080", Target("127.0.0.1", 8080)),
        ("http://[::1]:8080", Target("::1", 8080)),
        ("http://127.0.0.1", Target("127.0.0.1", 80)),
    ],
)
def test_bursts_go_to_this_machine(url: str, target: Target) -> None:
    assert loopback_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7:8080",
        "http://0.0.0.0:8080",
        "http://trial.example:8080",
        "http://127.0.0.1.trial.example:80",
        "http://127.0.0.1@trial.example:80",
        "https://127.0.0.1:8443",
        "http://127.0.0.1:99999",
        "127.0.0.1:8080",
        "",
    ],
)
def test_bursts_go_nowhere_else(url: str) -> None:
    with pytest.raises(NotLoopback):
        loopback_target(url)


def test_a_request_is_whole_but_for_its_time() -> None:
    request = report_request(Target("127.0.0.1", 8080), "a.b.c", b'{"x":1}', keep_alive=True)
    head, _, body = request.at(b"2026-11-22T00:00:03.000Z").partition(b"\r\n\r\n")
    assert body == b'{"x":1}'
    assert head.split(b"\r\n") == [
        b"POST /api/v1/reports HTTP/1.1",
        b"Host: 127.0.0.1:8080",
        b"Authorization: Bearer a.b.c",
        b"Content-Type: application/json",
        b"Content-Length: 7",
        b"Eight-Bells-Sent-At: 2026-11-22T00:00:03.000Z",
    ]


def test_one_connection_each_says_so() -> None:
    request = report_request(Target("::1", 8080), "a.b.c", b"{}", keep_alive=False)
    assert b"\r\nConnection: close\r\n" in request.before
    assert b"\r\nHost: [::1]:8080\r\n" in request.before


class Recorder:
    """An owner that remembers."""

    def __init__(self) -> None:
        self.answers: list[tuple[Answer, bool]] = []
        self.broken_count = 0

    def answered(self, connection: Connection, answer: Answer, *, reusable: bool) -> None:
        self.answers.append((answer, reusable))

    def broken(self, connection: Connection) -> None:
        self.broken_count += 1


class Transport:
    """As much of a transport as a connection touches."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True


def connected() -> tuple[Recorder, Connection, Transport]:
    recorder, transport = Recorder(), Transport()
    connection = Connection(recorder)
    connection.connection_made(transport)  # type: ignore[arg-type]  # as much as is touched
    return recorder, connection, transport


ANSWER = b'HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\n"no"'


def test_an_answer_arrives_in_any_pieces() -> None:
    recorder, connection, _ = connected()
    connection.send(b"POST")
    for position in range(len(ANSWER)):
        connection.data_received(ANSWER[position : position + 1])
    assert recorder.answers == [(Answer(503, b'"no"', 7.0), True)]


def test_what_one_answer_said_is_forgotten_by_the_next() -> None:
    recorder, connection, _ = connected()
    connection.send(b"POST")
    connection.data_received(ANSWER)
    connection.send(b"POST")
    connection.data_received(b"HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    assert recorder.answers[1] == (Answer(202, b"", None), False)


@pytest.mark.parametrize("value", [b"soon", b"-1", b"Wed, 21 Oct 2026 07:28:00 GMT", b""])
def test_a_retry_after_that_is_not_a_number_of_seconds_is_ignored(value: bytes) -> None:
    recorder, connection, _ = connected()
    connection.send(b"POST")
    connection.data_received(b"HTTP/1.1 503 x\r\nretry-after: %b\r\ncontent-length: 0\r\n\r\n" % value)
    assert recorder.answers[0][0].retry_after is None


def test_an_answer_nobody_asked_for_breaks_the_connection() -> None:
    recorder, connection, transport = connected()
    connection.data_received(ANSWER)
    assert transport.aborted
    assert recorder.answers == []


def test_a_second_answer_to_one_request_breaks_the_connection() -> None:
    recorder, connection, transport = connected()
    connection.send(b"POST")
    connection.data_received(ANSWER + ANSWER)
    assert transport.aborted
    assert len(recorder.answers) == 1


def test_bytes_that_are_not_http_break_the_connection() -> None:
    _, connection, transport = connected()
    connection.send(b"POST")
    connection.data_received(b"\x16\x03\x01 not http")
    assert transport.aborted


class Half:
    """A source of randomness that always draws the middle."""

    def random(self) -> float:
        return 0.5


def test_pauses_double_up_to_a_limit_and_never_undercut_the_server() -> None:
    patience = Patience(first_pause=0.2, longest_pause=5.0)
    pauses = [patience.pause(failures, None, Half()) for failures in range(1, 8)]  # type: ignore[arg-type]
    assert pauses == pytest.approx([0.15, 0.3, 0.6, 1.2, 2.4, 3.75, 3.75])
    assert patience.pause(1, 7.0, Half()) == pytest.approx(7.15)  # type: ignore[arg-type]
    assert patience.pause(10_000, None, Half()) == pytest.approx(3.75)  # type: ignore[arg-type]


def test_the_attempts_time_is_rfc_3339_in_utc() -> None:
    moments = iter([1_795_305_603.25, 1_795_305_603.999, 1_795_305_604.0])
    sent_at = SentAt(lambda: next(moments))
    assert [sent_at() for _ in range(3)] == [
        b"2026-11-22T00:00:03.250Z",
        b"2026-11-22T00:00:03.999Z",
        b"2026-11-22T00:00:04.000Z",
    ]
