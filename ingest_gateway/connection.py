"""A connection whose requests are answered in the order they came, whoever answers them.

A subclass of uvicorn's httptools protocol. Each request is an ``Exchange`` in one queue per connection, and
only the first in line may write. Reading what they ask is ``protocol``'s part.
"""

import asyncio
from collections import deque
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ingest_gateway import responses
from ingest_gateway.exchange import AsgiExchange, Exchange
from ingest_gateway.flow import OrderedFlow
from ingest_gateway.gateway import Gateway
from ingest_gateway.responses import Response

IDLE, HEADER, BODY, DONE = range(4)
"""What is being read: nothing, a header, a body, or nothing more on this connection."""


class OrderedConnection(HttpToolsProtocol):
    """Orders and writes answers, closes, and looks after what takes too long."""

    gateway: ClassVar[Gateway]
    flow: OrderedFlow

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.exchanges: deque[Exchange] = deque()
        self.current: Exchange | None = None
        self.stage = IDLE
        self.since = self.gateway.coarse.now
        self.unread_since: float | None = None
        self.draining = False
        self.half_closed = False
        self.chunk = 0
        self.wire = 0
        self.most = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn, with our flow control; addresses are asked for only by requests that need them."""
        self.connections.add(self)
        self.transport = transport
        self.flow = OrderedFlow(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer. What is being published goes on; what is still being read is released."""
        self.stage = DONE
        if self.current is not None:
            self.current.abandon()
            self.current = None
        for exchange in self.exchanges:
            if isinstance(exchange, AsgiExchange):
                exchange.disconnect()
        self.exchanges.clear()
        self.connections.discard(self)
        self.flow.resume_writing()
        self.parser = None  # type: ignore[assignment]  # as uvicorn: the parser refers to us

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio allows it, uvicorn says None
        """A client that has sent all it wants to send still gets its answers."""
        self.half_closed = True
        if self.stage in (HEADER, BODY):
            self.fail(responses.BROKEN_HTTP)
        return bool(self.exchanges)

    def pause_writing(self) -> None:
        """The client doesn't read its answers: don't read its requests."""
        super().pause_writing()
        self.unread_since = self.gateway.coarse.now
        self.flow.hold()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self.unread_since = None
        self._release_reading()

    def answer(self, exchange: Exchange, response: Response) -> None:
        """Answer a request: now if it is first in line, else as soon as it is."""
        exchange.response = response
        self.gateway.metrics.answers[response.status] += 1
        exchanges = self.exchanges
        if exchanges and exchanges[0] is exchange:
            self._advance()

    def on_response_complete(self) -> None:
        """The application has answered the request that is first in line."""
        self.server_state.total_requests += 1
        exchange = self.exchanges.popleft() if self.exchanges else None
        if exchange is None or self.transport.is_closing():
            return
        if exchange.closes:
            self._finish(exchange)
        else:
            self._advance()

    def start_application(self, cycle: RequestResponseCycle) -> None:
        """Run the application for one request."""
        self._start_asgi_task(cycle, self.app)

    def shutdown(self) -> None:
        """The server stops: answer what has come, then close."""
        self.draining = True
        if self.stage == IDLE and not self.exchanges:
            self.transport.close()
        elif self.stage == IDLE and isinstance(self.exchanges[-1], AsgiExchange):
            self.exchanges[-1].cycle.keep_alive = False

    def sweep(self, now: float) -> None:
        """Look after what takes too long. Called every ``limits.tick``."""
        limits, waited = self.gateway.limits, now - self.since
        if self.unread_since is not None:
            if now - self.unread_since > limits.unread_timeout:
                self.transport.abort()
        elif self.flow.read_paused:
            self.since = now
        elif self.stage == HEADER:
            if waited >= limits.header_timeout:
                self.fail(responses.TOO_SLOW)
        elif self.stage == BODY:
            if waited >= limits.body_timeout:
                self.fail(responses.TOO_SLOW)
        elif not self.exchanges and waited >= (
            limits.keep_alive if self.stage == IDLE else limits.linger_timeout
        ):
            self.transport.close()

    def stop_reading(self) -> None:
        """Nothing more on this connection is looked at."""
        self.stage = DONE
        self.current = None
        self.wire = 0

    def fail(self, response: Response) -> None:
        """Answer what is being read with ``response``, as the last answer of this connection."""
        if self.stage == DONE:
            return
        current = self.current
        if current is None:
            current = Exchange(self, closes=True)
            self.exchanges.append(current)
        current.abandon()
        self.stop_reading()
        if current not in self.exchanges:  # its answer is written, or in line
            if self.exchanges:
                self.exchanges[-1].closes = True
            else:
                self.transport.close()
        elif isinstance(current, AsgiExchange) and current.started:
            self.transport.close()
        else:
            current.closes = current.lingers = True
            self.answer(current, response)

    def _advance(self) -> None:
        """Write the answers that are due."""
        exchanges = self.exchanges
        while exchanges:
            exchange = exchanges[0]
            response = exchange.response
            if response is None:
                exchange.first_in_line()
                break
            if self.transport.is_closing():
                break
            exchanges.popleft()
            last = exchange.closes or (self.draining and not exchanges and self.stage == IDLE)
            self.transport.write(
                b"".join(
                    (
                        response.head,
                        self.gateway.coarse.date,
                        exchange.extra,
                        responses.CLOSE_AND_END if last else responses.END,
                        response.body,
                    )
                )
            )
            if last:
                self._finish(exchange)
                return
        if self.stage == IDLE:
            self.since = self.gateway.coarse.now
            if not exchanges and (self.half_closed or self.draining):
                self.transport.close()
        if self.flow.held:
            self._release_reading()

    def _finish(self, exchange: Exchange) -> None:
        """The last answer of this connection is written."""
        self.exchanges.clear()
        self.stage = DONE
        self.since = self.gateway.coarse.now
        if exchange.lingers and not self.half_closed and self.transport.can_write_eof():
            self.wire = 0
            self.transport.write_eof()
            self.flow.held = False
            self.flow.resume_reading()
        else:
            self.transport.close()

    def _release_reading(self) -> None:
        if self.unread_since is None and 2 * len(self.exchanges) <= self.gateway.limits.queued_requests:
            self.flow.release()
