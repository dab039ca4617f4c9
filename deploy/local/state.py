"""What is on record about a stack: addresses, processes, secrets; how other commands find a running one.

A stack is a data directory. Its supervisor writes ``stack.json`` there (atomically, 0600); a process is known
by its pid *and* its start time, because pids are given out again.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
import psutil

READER: Final = "eightbells_reader"
STATE_FILE: Final = "stack.json"
AOT_MAKER: Final = "kafka-aot"
"""On record like every process, but no part of the stack: it makes a cache for the next start."""

_START_TOLERANCE_S: Final = 0.05

Phase = Literal["starting", "ready", "stopping"]


class StackError(RuntimeError):
    """Something about a local stack that its operator has to know; the message says what to do."""

    exit_code = 1


class StackNotRunning(StackError):
    """There is no running stack in this data directory."""

    exit_code = 3


class AlreadyRunning(StackError):
    """Another supervisor has this data directory."""


class Interrupted(StackError):
    """The stack was to end before it was ready."""

    exit_code = 130


class Process(msgspec.Struct, frozen=True):
    """A process of the stack.

    ``started`` is its start in seconds since the epoch; ``admin`` is the base URL of its admin listener (None
    for Kafka and PostgreSQL); ``restarts`` counts how often the supervisor had to bring it back.
    """

    pid: int
    started: float
    admin: str | None = None
    restarts: int = 0


class Stack(msgspec.Struct, frozen=True):
    """What ``eightbells status --json`` prints. ``database`` is the URL of the read-only role."""

    gateway: str
    api: str
    kafka: str
    database: str
    dataDir: str
    processes: dict[str, Process]
    supervisor: int
    phase: Phase
    brokers: int
    demoLogins: str
    notes: tuple[str, ...]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The state file: who supervises, what was spawned, and the addresses (no passwords)."""

    supervisor: Process
    phase: Phase
    parts: tuple[str, ...]
    brokers: int
    kafka: str
    database: bool
    gateway: str
    api: str
    processes: dict[str, Process] = {}
    notes: tuple[str, ...] = ()


def running_stack(data: Path) -> Stack:
    """The stack that runs in a data directory.

    Raises:
        StackNotRunning: none does, or it has not come up yet.
    """
    record = live_record(data)
    if record is None:
        raise StackNotRunning(f"No stack is running in {data.absolute()}; start one with `eightbells up`.")
    if record.phase != "ready":
        raise StackNotRunning(f"The stack in {data.absolute()} is {record.phase}; see `eightbells status`.")
    return describe(data, record)


def describe(data: Path, record: Record) -> Stack:
    """The public view of a record."""
    return Stack(
        gateway=record.gateway,
        api=record.api,
        kafka=record.kafka,
        database=database_url(data, READER) if record.database else "",
        dataDir=str(data.absolute()),
        processes={name: process for name, process in record.processes.items() if name != AOT_MAKER},
        supervisor=record.supervisor.pid,
        phase=record.phase,
        brokers=record.brokers,
        demoLogins=str(secrets_dir(data) / "demo-logins.txt"),
        notes=record.notes,
    )


def database_url(data: Path, role: str) -> str:
    """The database's URL for one of ``projections.migrate.ROLES``, with the role's password.

    Raises:
        StackNotRunning: no stack was ever started here, so there are no secrets.
        StackError: no such role.
    """
    passwords = role_passwords(data)
    if role not in passwords:
        raise StackError(f"There is no database role {role!r}.")
    return with_login(owner_url(data), role, passwords[role])


def owner_url(data: Path) -> str:
    """The database's URL for its owner, who may change the schema.

    Raises:
        StackNotRunning: no stack was ever started here.
    """
    return _read_secret(data, "owner-url.txt").strip()


def role_passwords(data: Path) -> dict[str, str]:
    """Every database role's password.

    Raises:
        StackNotRunning: no stack was ever started here.
    """
    return msgspec.json.decode(_read_secret(data, "database.json"), type=dict[str, str])


def token_keys_file(data: Path) -> Path:
    """The key file that signs and verifies access tokens."""
    return secrets_dir(data) / "token-keys.json"


def seal_keys_file(data: Path) -> Path:
    """The key file that seals the ledger."""
    return secrets_dir(data) / "seal-keys.json"


def action_seal_keys_file(data: Path) -> Path:
    """The key file that seals what people do."""
    return secrets_dir(data) / "action-seal-keys.json"


def secrets_dir(data: Path) -> Path:
    """Where a stack's secrets are: a directory only its owner may enter."""
    return data.absolute() / "secrets"


def with_login(url: str, user: str, password: str) -> str:
    """A database URL with another user and password."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{address}"))


def _read_secret(data: Path, name: str) -> str:
    try:
        return (secrets_dir(data) / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StackNotRunning(
            f"No stack was started in {data.absolute()} yet; run `eightbells up`."
        ) from None
    except OSError as error:
        raise StackError(f"{secrets_dir(data) / name} cannot be read ({error.strerror}).") from None


# The state file ------------------------------------------------------------------------------------------


def read_record(data: Path) -> Record | None:
    """The state file as it is, whether or not its processes live; None where there is none.

    Raises:
        StackError: it is unreadable or was written by another version.
    """
    path = data / STATE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise StackError(f"{path} cannot be read: {error}") from None


def live_record(data: Path) -> Record | None:
    """The state file of a stack whose supervisor lives; None where there is no such stack."""
    record = read_record(data)
    return record if record is not None and is_alive(record.supervisor) else None


def write_record(data: Path, record: Record) -> None:
    """Replace the state file atomically."""
    document = json.dumps(msgspec.to_builtins(record), indent=1).encode()
    write_private(data / STATE_FILE, document)


def forget_record(data: Path) -> None:
    """Remove the state file."""
    (data / STATE_FILE).unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read (0600), atomically: readers see the old or the new, whole."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# Processes -----------------------------------------------------------------------------------------------


def identify(pid: int, *, admin: str | None = None, restarts: int = 0) -> Process:
    """Put a process on record: its pid together with its start time.

    Raises:
        psutil.NoSuchProcess: it is gone already.
    """
    return Process(pid=pid, started=psutil.Process(pid).create_time(), admin=admin, restarts=restarts)


def find(process: Process) -> psutil.Process | None:
    """The recorded process, or None where it is gone, is a zombie, or another one has got its pid."""
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        return found if abs(found.create_time() - process.started) < _START_TOLERANCE_S else None
    except psutil.Error:
        return None


def is_alive(process: Process) -> bool:
    """Whether the recorded process, and not another one with its pid, is running."""
    return find(process) is not None
