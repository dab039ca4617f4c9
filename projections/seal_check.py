"""Walks the chains of seals and holds them against the ledger, the offsets and what was published."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ingest_gateway.auth.keys import KeyRing
from projections import seals

SHOWN: Final = 20
"""How many findings of one kind are listed; one is enough to fail."""

Row = Mapping[str, Any]
_Where = tuple[int, int]


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be. ``kind`` is stable, ``detail`` is for people."""

    kind: str
    detail: str
    partition: int | None = None
    offset: int | None = None


class SealHead(msgspec.Struct, frozen=True):
    """A head as it was published outside Postgres; ``seal`` is hex, ``chain`` null for the ledger."""

    partition: int
    firstOffset: int
    lastOffset: int
    seal: str
    chain: str | None = None


class ChainWalk:
    """One pass over every seal, each partition's in the order of their offsets.

    Args:
        keys: the ring the ledger was sealed with, older keys too. A seal names its key; for one from before
            seals did, each is tried.
        streams: rows of ``streams`` by number.
        offsets: rows of ``offsets``.
        current: the number of the stream that ``published`` is about.
        published: heads that have to be in the chain.
    """

    def __init__(
        self,
        keys: KeyRing,
        streams: Mapping[int, Row],
        offsets: Iterable[Row],
        current: int | None,
        published: Iterable[SealHead],
    ) -> None:
        self._keys = keys.keys
        self._current = current
        self._unseen = {(head.partition, head.lastOffset): head for head in published if head.chain is None}
        self._heads: dict[_Where, tuple[int, set[bytes]]] = {}
        self._findings: list[Finding] = []
        for row in offsets:
            stream, first = streams[row["stream_id"]], row["first_offset"]
            origins = {
                seals.genesis(
                    key, stream["cluster_id"], str(stream["topic_id"]), row["kafka_partition"], first
                )
                for key in self._keys.values()
            }
            self._heads[_where(row)] = (first, origins)

    def see(self, row: Row) -> None:
        """Look at one seal, with the digests of the rows it covers, concatenated."""
        where, first, last, seal = _where(row), row["first_offset"], row["last_offset"], row["seal"]
        following, previous = self._heads.get(where, (first, set()))
        if first != following or row["previous"] not in previous:
            self._find("chain", "this seal does not follow the one before it", where, first)
        digests = (row["digests"] or b"",)
        kid = row["kid"]
        if kid is not None and kid not in self._keys:
            self._find("key", f"sealed with key {kid!r}, which is not among those given", where, first)
        elif all(seals.seal(key, row["previous"], digests) != seal for key in self._tried(kid)):
            self._find("seal", f"rows {first} to {last} are not what was sealed", where, first)
        self._heads[where] = (last + 1, {seal})
        if where[0] == self._current:
            head = self._unseen.get((where[1], last))
            if head is not None and head.seal == seal.hex():
                del self._unseen[where[1], last]

    def finish(self, offsets: Sequence[Row]) -> list[Finding]:
        """Hold the chains' ends against the committed offsets, and return everything that was found."""
        for row in offsets:
            following, seal = self._heads[_where(row)]
            if row["next_offset"] != following or row["seal"] not in seal:
                self._find("head", "the chain does not end at the committed offset", _where(row), following)
        for head in list(self._unseen.values())[:SHOWN]:
            detail = "a published seal is not in the chain: its end was cut, or it was made anew"
            self._find("published", detail, (self._current or 0, head.partition), head.lastOffset)
        return self._findings

    def _tried(self, kid: str | None) -> Iterable[bytes]:
        return self._keys.values() if kid is None else (self._keys[kid],)

    def _find(self, kind: str, detail: str, where: _Where, offset: int) -> None:
        if sum(finding.kind == kind for finding in self._findings) < SHOWN:
            self._findings.append(Finding(kind, detail, where[1], offset))


def _where(row: Row) -> _Where:
    return (row["stream_id"], row["kafka_partition"])
