"""Runs a command against a throw-away stack: ``python -m tests.stack [--times N] COMMAND...``.

The stack has the demonstration's study, logins and patients, whose morning reports have arrived with the
alerts they raise. EIGHTBELLS_DATA tells the command where it is; if that is set already, the stack it names
is used and left as it is. The throw-away one ends with this process, however that ends.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from deploy.cli.interrupts import end_on_sigterm
from deploy.local.children import die_with_parent

EIGHTBELLS = str(Path(sys.executable).with_name("eightbells"))
DATA = "EIGHTBELLS_DATA"
PATIENTS = "2000"


@contextlib.contextmanager
def throw_away_stack(*options: str, data: Path) -> Iterator[None]:
    """A stack in ``data``, whatever our environment says of other systems; stopped and deleted after.

    Yields:
        Once it is ready. It is asked to stop also if we are killed.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("KAFKA_BOOTSTRAP", "DATABASE_URL")}
    up = subprocess.Popen(
        [EIGHTBELLS, "up", *options, "--data", data],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
    )  # fmt: skip
    assert up.stdout is not None
    try:
        banner = up.stdout.readline()
        assert banner, up.communicate()[1]
        yield
    finally:
        up.terminate()
        up.communicate(timeout=30)
        subprocess.run([EIGHTBELLS, "reset", "--yes", "--data", data], capture_output=True, check=True)


@contextlib.contextmanager
def demonstration() -> Iterator[Path]:
    """The data directory of the stack to use: the one that EIGHTBELLS_DATA names, else a throw-away one."""
    if DATA in os.environ:
        yield Path(os.environ[DATA]).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="eightbells-test-") as folder:
        data = Path(folder, "stack")
        with throw_away_stack(data=data):
            demo = [EIGHTBELLS, "demo", "--patients", PATIENTS, "--over", "5", "--data", str(data)]
            staged = subprocess.run(demo, env={**os.environ, "CI": "true"}, capture_output=True, text=True)
            assert staged.returncode == 0, staged.stdout + staged.stderr
            yield data


def run(command: list[str], data: Path) -> int:
    """Run the command to its end, and wait for that also when stopped: it has things of its own to put away.

    Its temporary files go where they are deleted after it, whatever it leaves.

    Returns:
        Its exit code; 130 after Ctrl-C, which it has from the terminal, and SIGTERM, which it gets from us.
    """
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        if number == signal.SIGTERM:
            child.terminate()

    with tempfile.TemporaryDirectory(prefix="eightbells-run-", ignore_cleanup_errors=True) as scratch:
        child = subprocess.Popen(
            command,
            env={**os.environ, DATA: str(data), "TMPDIR": scratch},
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
        )
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return 130 if stopped else code


def main() -> int:
    """The command's exit code, of the first run that failed."""
    arguments = argparse.ArgumentParser(prog="python -m tests.stack", description=__doc__)
    arguments.add_argument("--times", type=int, help="Run it so often, and count aloud.")
    arguments.add_argument("command", nargs=argparse.REMAINDER)
    asked = arguments.parse_args()
    end_on_sigterm()
    with demonstration() as data:
        for number in range(1, (asked.times or 1) + 1):
            if code := run(asked.command, data):
                return code
            if asked.times:
                print(f"{number} of {asked.times}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
