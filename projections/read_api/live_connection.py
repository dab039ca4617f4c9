"""The WebSocket connection: uvicorn's, for readers who may stop reading.

uvicorn waits with everything, a close too, until a client reads on, and for ever if it never does.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

UNREAD_S: Final = 30.0


class LiveProtocol(WebSocketsSansIOProtocol):
    """Closes at once, behind what is in the buffer already, and aborts where nothing is read for 30 s."""

    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._disarm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._disarm()
        super().connection_lost(exc)

    async def send(self, message: Any) -> None:  # noqa: ANN401 - uvicorn's own type of ASGI messages
        """Send a message; a close does not wait for the client."""
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    def _disarm(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


WEBSOCKETS: Final[dict[str, Any]] = {
    "ws": LiveProtocol,
    "ws_max_size": 16 * 1024,  # the first message is a token and a cursor
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,  # a compressor per socket costs more memory than all the rest of it
}
"""uvicorn's settings for sockets."""
