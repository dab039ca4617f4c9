"""A stack's data directory: how it is told from any other directory, and what in it (or beside it) is ours.

``eightbells.json`` marks the directory and holds what must stay the same from one start to the next.
``reset`` removes a marked directory and nothing else.
"""

import fcntl
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.state import StackError, write_private

MARKER: Final = "eightbells.json"
_LOCK: Final = "supervisor.lock"
_BEFORE_THE_MARKER: Final = (_LOCK, "logs")
_LOG_BYTES: Final = 16 * 1024 * 1024
_LOG_FILES: Final = 3


class Layout(msgspec.Struct, frozen=True):
    """What a data directory was made with. ``ports`` are preferred at the next start."""

    brokers: int
    clusterId: str
    ports: dict[str, int] = {}


class NotOurs(StackError):
    """A directory holds something else than a stack of ours; it is left alone."""

    exit_code = 2


def read_layout(data: Path) -> Layout | None:
    """What the data directory was made with; None where there is no stack's data.

    Raises:
        NotOurs: it is there, not empty, and not a stack's.
    """
    try:
        return msgspec.json.decode((data / MARKER).read_bytes(), type=Layout)
    except FileNotFoundError:
        if data.exists() and any(entry.name not in _BEFORE_THE_MARKER for entry in data.iterdir()):
            raise NotOurs(
                f"{data.absolute()} is not empty and holds no stack; choose another --data."
            ) from None
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise NotOurs(f"{data.absolute() / MARKER} cannot be read ({error}).") from None


def write_layout(data: Path, layout: Layout) -> None:
    """Mark the directory, making it where it is missing; only its owner sees more in it than names."""
    data.mkdir(parents=True, exist_ok=True, mode=0o711)
    write_private(data / MARKER, msgspec.json.format(msgspec.json.encode(layout)))
    for name in ("logs", "run"):
        (data / name).mkdir(exist_ok=True, mode=0o700)


def hold(data: Path) -> int | None:
    """Become the one supervisor of a data directory for as long as this process lives; None: there is one."""
    descriptor = os.open(data / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def remove(data: Path) -> list[Path]:
    """Delete a stopped stack's directory and what it put elsewhere; returns what was deleted.

    Raises:
        NotOurs: there is no stack's data in the directory.
    """
    if read_layout(data) is None:
        raise NotOurs(f"There is no stack's data in {data.absolute()}.")
    deleted = []
    elsewhere = outside_room(data)
    if elsewhere.exists():
        check_room(elsewhere, data)
        shutil.rmtree(elsewhere)
        deleted.append(elsewhere)
    shutil.rmtree(data)
    return [*deleted, data.absolute()]


# A log file a part --------------------------------------------------------------------------------------


def log_file(data: Path, part: str) -> Path:
    """Where a part's output goes."""
    return data / "logs" / f"{part}.log"


def open_log(data: Path, part: str) -> int:
    """Open a part's log for appending; one that has grown large is put aside first (three are kept)."""
    path = log_file(data, part)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        for number in range(_LOG_FILES - 1, 0, -1):
            older = path.with_suffix(f".log.{number}")
            if older.exists():
                older.replace(path.with_suffix(f".log.{number + 1}"))
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


# A room for a process that may not enter the data directory ------------------------------------------------


def outside_room(data: Path) -> Path:
    """Where data goes that a process of another user must reach, if that user may not enter ``data``."""
    name = hashlib.sha256(str(data.absolute()).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"eightbells-{name}"  # noqa: S108 - made and checked by make_room


def make_room(room: Path, data: Path) -> None:
    """Make the outside room, or check the one that is there: others may write beside it.

    Raises:
        NotOurs: something else has its name.
    """
    try:
        room.mkdir(mode=0o711)
        room.chmod(0o711)  # whatever the umask
        write_private(room / MARKER, msgspec.json.encode({"data": str(data.absolute())}))
    except FileExistsError:
        check_room(room, data)


def check_room(room: Path, data: Path) -> None:
    """Make sure that the outside room is a directory of ours, for this data directory.

    Raises:
        NotOurs: it is a link, somebody else's, writable by others, or for another data directory.
    """
    found = room.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise NotOurs(f"{room} is not a directory of ours alone; find out who made it, and remove it.")
    try:
        document = msgspec.json.decode((room / MARKER).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as error:
        raise NotOurs(f"{room} was not made by Eight Bells ({error}); remove it.") from None
    if document.get("data") != str(data.absolute()):
        raise NotOurs(f"{room} belongs to the stack in {document.get('data')}.")
