"""What the gateway relies on in uvicorn, httptools and aiokafka beyond what they promise."""

import asyncio
import inspect
from importlib.metadata import version

import httptools
import pytest
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import Sender
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import Server, ServerState

from ingest_gateway.flow import OrderedFlow
from ingest_gateway.protocol import ReportProtocol


def parameters(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


def test_uvicorn_has_the_minor_version_these_hooks_were_read_in() -> None:
    assert version("uvicorn").startswith("0.54.")


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("__init__", ["self", "config", "server_state", "app_state", "_loop"]),
        ("connection_made", ["self", "transport"]),
        ("connection_lost", ["self", "exc"]),
        ("eof_received", ["self"]),
        ("data_received", ["self", "data"]),
        ("pause_writing", ["self"]),
        ("resume_writing", ["self"]),
        ("on_message_begin", ["self"]),
        ("on_url", ["self", "url"]),
        ("on_header", ["self", "name", "value"]),
        ("on_headers_complete", ["self"]),
        ("on_body", ["self", "body"]),
        ("on_message_complete", ["self"]),
        ("on_response_complete", ["self"]),
        ("shutdown", ["self"]),
        ("_start_asgi_task", ["self", "cycle", "app"]),
    ],
)
def test_every_hook_of_uvicorns_protocol_is_where_it_was(hook: str, expected: list[str]) -> None:
    assert parameters(getattr(HttpToolsProtocol, hook)) == expected
    assert parameters(getattr(ReportProtocol, hook)) == expected


def test_no_keep_alive_timer_of_uvicorns_is_left_running() -> None:
    armed = inspect.getsource(HttpToolsProtocol)
    assert armed.count("call_later") == 1
    assert "call_later" in inspect.getsource(HttpToolsProtocol.on_response_complete)
    assert "on_response_complete" in vars(ReportProtocol.__mro__[1])


def test_a_cycle_is_made_as_uvicorn_makes_it() -> None:
    assert parameters(RequestResponseCycle.__init__)[1:] == [
        "scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers",
        "message_event", "expect_100_continue", "keep_alive", "on_response",
    ]  # fmt: skip


def test_flow_control_pauses_and_resumes() -> None:
    assert parameters(FlowControl.__init__) == ["self", "transport"]
    for name in ("pause_reading", "resume_reading", "pause_writing", "resume_writing", "drain"):
        assert hasattr(FlowControl, name)


def test_the_server_keeps_its_connections_where_the_sweep_looks() -> None:
    assert ServerState().connections == set()
    assert "connection.shutdown()" in inspect.getsource(Server.shutdown)
    assert "server_state.connections" in inspect.getsource(Server._wait_tasks_to_complete)


def test_the_parser_names_the_exception_a_callback_raised() -> None:
    class Refusing:
        def on_headers_complete(self) -> None:
            raise KeyError

    with pytest.raises(httptools.HttpParserCallbackError) as raised:
        httptools.HttpRequestParser(Refusing()).feed_data(b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(raised.value.__context__, KeyError)


async def test_an_application_that_reads_does_not_lift_our_hold() -> None:
    class Transport(asyncio.Transport):
        reading = True

        def is_closing(self) -> bool:
            return False

        def pause_reading(self) -> None:
            self.reading = False

        def resume_reading(self) -> None:
            self.reading = True

    transport = Transport()
    flow = OrderedFlow(transport)
    flow.hold()
    flow.resume_reading()
    assert not transport.reading
    flow.release()
    assert transport.reading


def test_the_producer_is_ended_through_what_aiokafka_has() -> None:
    assert isinstance(inspect.getattr_static(Sender, "sender_task"), property)
    assert parameters(MessageAccumulator.fail_all) == ["self", "exception"]
    source = inspect.getsource(AIOKafkaProducer.__init__)
    assert "self._sender = " in source
    assert "self._message_accumulator = " in source
