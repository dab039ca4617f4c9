"""Guessing is limited: so many wrong passwords or codes per user and per address, counted in Postgres."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from fastapi import Request

from projections.read_api.problems import ProblemError
from projections.read_api.services import Services
from projections.read_api.settings import Network

_IPV6_CUSTOMER_PREFIX = 64


class Attempt:
    """One guess under way; ``right`` is set where it was no guess after all."""

    def __init__(self) -> None:
        self.right = False


@asynccontextmanager
async def attempt(services: Services, subjects: Sequence[str]) -> AsyncIterator[Attempt]:
    """Count a guess before it is looked at, so that many at once cannot slip past the limit.

    A right one is taken back. One that ends in an error of ours stays counted.

    Raises:
        ProblemError: 429 with Retry-After, until the window ends.
    """
    rules, now = services.rules, services.clock()
    window = datetime.fromtimestamp(now.timestamp() // rules.window_s * rules.window_s, UTC)
    async with services.database.session() as session:
        counted = await session.rows("count_attempt", list(subjects), window)
    if max(row["failures"] for row in counted) > rules.failures:
        wait = rules.window_s - int((now - window).total_seconds())
        detail = "Too many wrong passwords or codes."
        raise ProblemError(429, "Too many attempts", detail, {"Retry-After": str(wait)})
    current = Attempt()
    yield current
    if current.right:
        async with services.database.session() as session:
            await session.rows("take_back_attempt", list(subjects), window)


def user_subject(username: str) -> str:
    """The name under which a user's failures are counted: a digest, for people type passwords there."""
    return "user:" + hashlib.sha256(username.encode()).hexdigest()


def address_subject(request: Request, trusted: Sequence[Network]) -> str:
    """The same for the address a request comes from."""
    peer = request.client.host if request.client else ""
    return "address:" + client_address(peer, request.headers.getlist("x-forwarded-for"), trusted)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address: the peer's own, unless the peer is a proxy we trust.

    X-Forwarded-For is read from the right, past further trusted proxies: what stands left of the first
    untrusted address is whatever the client wrote. IPv6 customers have a /64 each and count as one.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    address = peer
    while hops and _is_trusted(address, trusted):
        if not _is_address(hops[-1]):
            break
        address = hops.pop()
    return _bucket(address)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in trusted)


def _bucket(address: str) -> str:
    if not _is_address(address):
        return "unknown"
    parsed = ip_address(address)
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _IPV6_CUSTOMER_PREFIX), strict=False))
