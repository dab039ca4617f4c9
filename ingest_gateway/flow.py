"""Pausing and resuming what a connection sends us."""

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl


class OrderedFlow(FlowControl):
    """Uvicorn's flow control and a hold of ours, which an application that reads its body doesn't lift."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.held = False

    def hold(self) -> None:
        """Stop reading the connection."""
        if not self.held and not self._transport.is_closing():
            self.held = True
            self.pause_reading()

    def release(self) -> None:
        """Go on reading."""
        self.held = False
        self.resume_reading()

    def resume_reading(self) -> None:
        """Resume, unless held."""
        if not self.held and not self._transport.is_closing():
            super().resume_reading()
