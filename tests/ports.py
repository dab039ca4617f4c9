"""Ports that nobody else is given while the tests run, side by side or beside a stack."""

from deploy.local.ports import PortLocks

_LOCKS = PortLocks()


def free_port() -> int:
    """A loopback port that nobody listens on, held for this process until it ends."""
    return _LOCKS.choose("gateway", {})
