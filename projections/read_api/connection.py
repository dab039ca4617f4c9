"""The HTTP/1.1 connection: uvicorn's h11 one, with problem documents for broken HTTP and a header deadline.

uvicorn itself answers broken HTTP in plain text and waits for ever for the end of a request's headers.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ingest_gateway.contracts.problem import MEDIA_TYPE, problem_bytes

HEADERS_S: Final = 10.0
_LINGER_S: Final = 1.0
_DETAILS: Final = {
    HTTPStatus.BAD_REQUEST: "That was not HTTP.",
    HTTPStatus.REQUEST_TIMEOUT: "The headers took longer than 10 s.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "At most 64 fields and 16 KiB of headers.",
}


class ApiProtocol(H11Protocol):
    """One connection. From its start, and from a later request's first byte, headers have 10 s to arrive."""

    _deadline: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the first request's deadline."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._deadline = self.loop.call_later(HEADERS_S, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Parse, and see whether headers are still awaited. After a refusal, throw away."""
        if self._refused:
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The next request may be here already, in part."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer broken HTTP. Called while h11's error is being handled: it knows the better status."""
        error = sys.exc_info()[1]
        hint = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(HTTPStatus(hint) if hint in (400, 431) else HTTPStatus.BAD_REQUEST)

    def _watch(self) -> None:
        incomplete = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if not incomplete:
            self._disarm()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_S, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer where no answer has begun, and close.

        What the client is still sending is read for a second: closing with bytes unread would reset the
        connection, and the client might never see the answer.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = problem_bytes(status, status.phrase, _DETAILS[status])
            head = (
                f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
        self._disarm()
        self._deadline = self.loop.call_later(_LINGER_S, self.transport.close)
        self.transport.write_eof()
