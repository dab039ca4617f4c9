"""What a stack is to consist of, decided before anything is started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.broker import new_cluster_id
from deploy.local.layout import Layout, read_layout, write_layout
from deploy.local.ports import LOOPBACK, PREFERRED, PortLocks
from deploy.local.state import StackError

PARTS: Final = ("postgres", "kafka", "api", "relay", "worker", "gateway")
"""Every part, in the order in which they start."""

BROKER_COUNTS: Final = (1, 3)


class WrongUse(StackError):
    """The stack cannot be started as asked; the message says how it can."""

    exit_code = 2


class Options(msgspec.Struct, frozen=True):
    """What ``eightbells up`` was asked for.

    ``kafka`` and ``database`` point at systems that exist already (the database as its owner); then the part
    of that name is not started. ``brokers`` is None where it is left to what the data was made with.
    """

    data: Path
    parts: tuple[str, ...] = PARTS
    brokers: int | None = None
    kafka: str | None = None
    database: str | None = None


def encode_options(options: Options) -> bytes:
    """Options as JSON, for a supervisor in another process."""
    return msgspec.json.encode(options, enc_hook=str)


def decode_options(document: bytes) -> Options:
    """The other way."""
    return msgspec.json.decode(document, type=Options, dec_hook=lambda kind, text: kind(text))


class Plan(msgspec.Struct, frozen=True):
    """Options, made definite: which parts start here, on which ports, with how many brokers.

    ``moved``: the ports that were taken, by name, each with the one that was chosen instead.
    """

    data: Path
    parts: tuple[str, ...]
    brokers: int
    cluster_id: str
    ports: Mapping[str, int]
    kafka: str | None
    database: str | None
    moved: Mapping[str, tuple[int, int]] = {}

    def address(self, part: str) -> str:
        """A part's own HTTP address, or nothing where it is not started."""
        return f"http://{LOOPBACK}:{self.ports[part]}" if part in self.parts else ""

    def admin(self, part: str) -> str:
        """The base URL of a part's admin listener."""
        return f"http://{LOOPBACK}:{self.ports[f'{part}-admin']}"


def make_plan(options: Options, locks: PortLocks) -> Plan:
    """Settle ports and brokers, and mark the data directory with them.

    Raises:
        WrongUse: an unknown part, or another number of brokers than the data was made with.
        NotOurs: the directory holds something else.
    """
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        raise WrongUse(f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}.")
    made = read_layout(options.data)
    brokers = _brokers(options, made)
    external = {"kafka"} if options.kafka else set()
    external |= {"postgres"} if options.database else set()
    parts = tuple(part for part in PARTS if part in options.parts and part not in external)
    recorded = made.ports if made else {}
    usual = {name: recorded.get(name, PREFERRED[name]) for name in _port_names(parts, brokers)}
    ports = {name: locks.choose(name, recorded) for name in usual}
    moved = {name: (port, ports[name]) for name, port in usual.items() if ports[name] != port}
    cluster_id = made.clusterId if made else new_cluster_id()
    write_layout(options.data, Layout(brokers, cluster_id, {**recorded, **ports}))
    return Plan(options.data, parts, brokers, cluster_id, ports, options.kafka, options.database, moved)


def _brokers(options: Options, made: Layout | None) -> int:
    wanted = options.brokers or (made.brokers if made else BROKER_COUNTS[0])
    if wanted not in BROKER_COUNTS:
        raise WrongUse("The local cluster has one broker or three.")
    if made and made.brokers != wanted:
        raise WrongUse(
            f"The data in {options.data.absolute()} was made with {made.brokers} broker(s). Use "
            "that number, `eightbells reset` it, or choose another --data."
        )
    return wanted


def _port_names(parts: tuple[str, ...], brokers: int) -> list[str]:
    """The ports that these parts need, named as in ``PREFERRED``."""
    names = []
    for part in parts:
        if part == "kafka":
            numbers = range(1, brokers + 1)
            names += [f"kafka-{number}{role}" for number in numbers for role in ("", "-controller")]
        else:
            names += [name for name in (part, f"{part}-admin") if name in PREFERRED]
    return names
