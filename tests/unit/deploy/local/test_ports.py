"""Ports: preferred ones, free ones, and never the same for two stacks."""

import socket
from collections.abc import Iterator

import pytest

from deploy.local.ports import LOOPBACK, PREFERRED, PortLocks, is_free


@pytest.fixture
def stacks() -> Iterator[tuple[PortLocks, PortLocks]]:
    """The locks of two stacks."""
    both = (PortLocks(), PortLocks())
    yield both
    for each in both:
        each.release()


def test_two_stacks_that_listen_on_nothing_yet_choose_different_ports(
    stacks: tuple[PortLocks, PortLocks],
) -> None:
    ports = [locks.choose(name, {}) for locks in stacks for name in PREFERRED]
    assert len(set(ports)) == len(ports)


def test_the_port_a_stack_had_is_preferred(stacks: tuple[PortLocks, PortLocks]) -> None:
    free = stacks[0].choose("postgres", {})
    stacks[0].give_back(free)
    assert stacks[1].choose("gateway", {"gateway": free}) == free


def test_a_port_on_which_another_program_listens_is_passed_over(stacks: tuple[PortLocks, PortLocks]) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        assert not is_free(taken)
        assert stacks[0].choose("gateway", {"gateway": taken}) != taken


def test_a_port_that_was_given_back_can_be_had_again(stacks: tuple[PortLocks, PortLocks]) -> None:
    port = stacks[0].choose("gateway", {})
    stacks[0].release()
    assert stacks[1].choose("gateway", {"gateway": port}) == port
