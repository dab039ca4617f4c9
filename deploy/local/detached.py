"""Starting a stack that outlives the command: a supervisor of its own, awaited until it is ready."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import msgspec

from deploy.local.announce import Announce, Event, tail
from deploy.local.layout import log_file, open_log, read_layout
from deploy.local.plan import Options, encode_options
from deploy.local.state import StackError
from deploy.local.supervisor import LOG

_STOP_S = 20.0


class DidNotStart(StackError):
    """The stack did not come up, and nothing of it is left."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def start_detached(options: Options, announce: Announce) -> None:
    """Start a supervisor in a session of its own; return when every part is ready.

    Interrupted, it stops the supervisor and waits for its end.

    Raises:
        DidNotStart: it failed; the message says why.
    """
    options = msgspec.structs.replace(options, data=options.data.absolute())
    read_layout(options.data)  # before anything is written: is it ours?
    (options.data / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    log = open_log(options.data, LOG)
    reading, writing = os.pipe()
    try:
        supervisor = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "deploy.local.supervisor", str(writing)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            start_new_session=True,
        )
    finally:
        os.close(writing)
        os.close(log)
    try:
        with supervisor.stdin or sys.stdin.buffer as stdin:
            stdin.write(encode_options(options))
        for event in _events(reading):
            if event.kind == "ready":
                return
            if event.kind == "failed":
                supervisor.wait(_STOP_S)
                raise DidNotStart(event.text, event.exit_code)
            announce(event)
    except BaseException:
        _stop(supervisor)
        raise
    lines = "".join(f"\n    {line}" for line in tail(log_file(options.data, LOG), 15))
    raise DidNotStart(f"The supervisor ended early. The end of its log:{lines}", 1)


def _events(descriptor: int) -> Iterator[Event]:
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=Event)


def _stop(supervisor: "subprocess.Popen[bytes]") -> None:
    if supervisor.poll() is None:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(_STOP_S)
