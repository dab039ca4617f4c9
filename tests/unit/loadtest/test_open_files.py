"""As many sockets as the system allows."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
{become_somebody}
from loadtest.burst import TooFewFiles, allow_open_files
try:
    print(allow_open_files({connections}))
except TooFewFiles:
    print("too few")
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "room"),
    [
        (256, 4096, 100, "100"),
        (256, 4096, 3000, "3000"),
        (256, 1024, 3000, "960"),
        (1024, 1024, 3000, "960"),
        (60, 60, 100, "too few"),
    ],
)
def test_an_ordinary_user_gets_what_the_hard_limit_leaves(
    soft: int, hard: int, connections: int, room: str
) -> None:
    script = SCRIPT.format(
        soft=soft,
        hard=hard,
        connections=connections,
        become_somebody="import sys; import loadtest.burst\nos.geteuid() or os.setuid(65534)",
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == room
