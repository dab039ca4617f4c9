from ipaddress import ip_network

import pytest

from projections.read_api.settings import Network
from projections.read_api.throttle import client_address, user_subject

PROXY = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("192.0.2.7", [], (), "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], (), "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], PROXY, "192.0.2.7"),
        ("10.0.0.1", ["198.51.100.1"], PROXY, "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], PROXY, "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1, 10.0.0.2"], PROXY, "198.51.100.1"),
        ("10.0.0.1", ["nonsense"], PROXY, "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], PROXY, "10.0.0.1"),
        ("10.0.0.1", [], PROXY, "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", [], (), "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", [], (), "192.0.2.7"),
        ("testclient", ["198.51.100.1"], PROXY, "unknown"),
        ("", [], (), "unknown"),
    ],
)
def test_an_address_is_the_peers_unless_a_trusted_proxy_names_another(
    peer: str, forwarded: list[str], trusted: tuple[Network, ...], address: str
) -> None:
    assert client_address(peer, forwarded, trusted) == address


def test_what_people_type_as_their_name_is_not_kept() -> None:
    assert "hunter2" not in user_subject("hunter2")
