"""The broker's jars: a list with versions and SHA-256 in the repository, fetched once into the user's cache.

``jars.lock`` has one jar a line: group:artifact, version, SHA-256. jgo fetches each by its Maven coordinates;
whatever its repository delivers, only the listed bytes are used.

``python -m deploy.local.jars`` fetches; with ``--lock`` it resolves the coordinates anew, rewriting the list.
"""

import argparse
import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from deploy.local.state import StackError

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

LOCK_FILE: Final = Path(__file__).with_name("jars.lock")
KAFKA: Final = "org.apache.kafka:kafka_2.13:4.3.1"
SLF4J_BRIDGE: Final = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"

_PARALLEL: Final = 8
_ATTEMPTS: Final = 3
_TIMEOUT_S: Final = 30
_HEADER: Final = f"""\
# Every jar of the local broker: coordinates, version, SHA-256, in the class path's order.
# Made by `python -m deploy.local.jars --lock` from
# {KAFKA} and {SLF4J_BRIDGE}.
"""

Progress = Callable[[int, int], None]
"""Told how many of how many jars are there."""


class BadJar(StackError):
    """A jar is not the one in the list, or cannot be had; the message says which and what to do."""


class Jar(msgspec.Struct, frozen=True, order=True):
    """One line of the list."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the jar lies in a Maven repository, and so in our cache."""
        name = f"{self.artifact}-{self.version}.jar"
        return Path(*self.group.split("."), self.artifact, self.version, name)

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact} {self.version} {self.sha256}"


def cache_dir() -> Path:
    """The user's cache for Eight Bells ($XDG_CACHE_HOME, else ~/.cache): jars and the JVM's AOT cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "eightbells"


def jars_dir() -> Path:
    """Where the jars are, once fetched."""
    return cache_dir() / "jars"


def read_lock(file: Path = LOCK_FILE) -> list[Jar]:
    """The list, in its order, which is the class path's.

    Raises:
        BadJar: a line has another form.
    """
    jars = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("#"):
            continue
        fields = line.replace(":", " ", 1).split()
        if len(fields) != 4 or len(fields[3]) != 64:
            raise BadJar(f"{file.name}, line {number}: expected group:artifact, version and SHA-256.")
        jars.append(Jar(*fields))
    return jars


def fetch(jars: Iterable[Jar], cache: Path, progress: Progress = lambda done, total: None) -> list[Path]:
    """Make sure that every jar is in the cache and is the listed one; download what is missing.

    Every call hashes every jar (150 ms for all): a tampered cache is refused, not used.

    Raises:
        BadJar: a jar in the cache or a download has another SHA-256, or cannot be downloaded.
    """
    wanted = list(jars)
    missing = [jar for jar in wanted if not _is_there(jar, cache)]
    progress(len(wanted) - len(missing), len(wanted))
    if missing:
        _download(missing, cache, lambda done: progress(len(wanted) - len(missing) + done, len(wanted)))
    return [cache / jar.path for jar in wanted]


def _is_there(jar: Jar, cache: Path) -> bool:
    path = cache / jar.path
    if not path.exists():
        return False
    if _sha256(path) != jar.sha256:
        raise BadJar(
            f"{path} is not the jar of the list (its SHA-256 differs): it was damaged or tampered with. "
            f"Find out why; then delete it, and it is fetched again."
        )
    return True


def _download(jars: list[Jar], cache: Path, progress: Callable[[int], None]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=cache, prefix=".incoming-") as incoming,
        _maven(Path(incoming)) as maven,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        downloads = [pool.submit(_download_one, jar, maven, cache) for jar in jars]
        try:
            for done, download in enumerate(as_completed(downloads), start=1):
                download.result()
                progress(done)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _download_one(jar: Jar, maven: "MavenContext", cache: Path) -> None:
    """Fetch beside the cache, check, and only then move into it."""
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            arrived = Path(artifact.resolve())
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
            if attempt == _ATTEMPTS:
                raise BadJar(f"{artifact} cannot be downloaded ({error}). Is the network there?") from error
            continue
        if _sha256(arrived) == jar.sha256:
            break
        arrived.unlink()  # cut short, perhaps
    else:
        raise BadJar(
            f"{artifact} came {_ATTEMPTS} times with another SHA-256 than the list has; it is not used. "
            f"Is something changing downloads on the way?"
        )
    target = cache / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _maven(repository: Path) -> "Iterator[MavenContext]":
    """Maven with a repository of our own; meanwhile TLS trusts what the system trusts, not only certifi."""
    import truststore  # imported here: the command line has no use for these
    from jgo.maven import MavenContext

    truststore.inject_into_ssl()
    try:
        yield MavenContext(repo_cache=repository, timeout=_TIMEOUT_S)
    finally:
        truststore.extract_from_ssl()


# Making the list -----------------------------------------------------------------------------------------


def resolve_lock(repository: Path) -> list[Jar]:
    """Resolve the coordinates anew.

    The two are resolved apart: together, log4j's BOM manages kafka-clients down to a version that the broker
    cannot run with. Of the second only the jar itself is taken.
    """
    with _maven(repository) as maven:
        return [_locked(a) for a in _artifacts(maven, KAFKA)] + [_locked(_artifacts(maven, SLF4J_BRIDGE)[0])]


def _artifacts(maven: "MavenContext", coordinates: str) -> "list[Artifact]":
    from jgo.parse import Coordinate

    root = maven.create_dependency(replace(Coordinate.parse(coordinates), scope="compile"))
    roots, others = maven.resolver.resolve([root])
    return [d.artifact for d in roots] + [d.artifact for d in others if d.scope in ("compile", "runtime")]


def _locked(artifact: "Artifact") -> Jar:
    return Jar(artifact.groupId, artifact.artifactId, artifact.version, _sha256(Path(artifact.resolve())))


def _main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.jars", description="The local broker's jars."
    )
    parser.add_argument("--lock", action="store_true", help="resolve the coordinates anew, rewrite jars.lock")
    if parser.parse_args().lock:
        with tempfile.TemporaryDirectory() as repository:
            jars = resolve_lock(Path(repository))
        LOCK_FILE.write_text(_HEADER + "".join(f"{jar}\n" for jar in jars), encoding="utf-8")
        sys.stdout.write(f"{len(jars)} jars in {LOCK_FILE}\n")
        return 0
    try:
        jars_there = fetch(read_lock(), jars_dir(), _print_progress)
    except BadJar as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    sys.stdout.write(f"{len(jars_there)} jars, all as listed, in {cache_dir() / 'jars'}\n")
    return 0


def _print_progress(done: int, total: int) -> None:
    sys.stdout.write(f"{done} of {total} jars\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(_main())
