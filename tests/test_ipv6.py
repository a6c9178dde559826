"""IPv6 on the link: which addresses are guessed, what `lan` holds, and what wants permission."""

import ipaddress

import pytest

from sohoaudit.discover.ipv6 import _guesses
from sohoaudit.here import Here, Link, Neighbour
from sohoaudit.joining import mac_in
from sohoaudit.model import Scope
from sohoaudit.scope import parse

ULA, GLOBAL = ipaddress.ip_network("fd00:7::/64"), ipaddress.ip_network("2001:db8:77::/64")


class Desk(Here):
    """A workstation with a private network, a ULA and a global prefix on one interface, and a VPN on another."""

    gateways = ("192.168.7.1", "fe80::1")
    links = (
        Link("eth0", ipaddress.ip_address("192.168.7.50"), ipaddress.ip_network("192.168.7.0/24")),
        Link("eth0", ipaddress.ip_address("fd00:7::50"), ULA),
        Link("eth0", ipaddress.ip_address("2001:db8:77::50"), GLOBAL),
        Link("tun0", ipaddress.ip_address("fd00:9::1"), ipaddress.ip_network("fd00:9::/64")),
    )


def test_the_lan_holds_the_links_private_prefix_and_the_public_one_only_with_permission() -> None:
    assert set(parse(["lan"], here=Desk()).networks) == {ipaddress.ip_network("192.168.7.0/24"), ULA}
    assert set(parse(["lan"], here=Desk(), authority="me").networks) == {
        ipaddress.ip_network("192.168.7.0/24"),
        ULA,
        GLOBAL,
    }


def test_a_prefix_is_never_asked_through_and_its_addresses_may_be_touched() -> None:
    scope = parse(["lan"], here=Desk(), authority="me")
    assert scope.size == 256
    assert len(list(scope.addresses())) == 254
    assert scope.holds("2001:db8:77::1234") and scope.holds("fd00:7::1")
    assert not scope.holds("fd00:9::1")


def test_the_gateway_is_asked_at_its_ipv4_address() -> None:
    assert [str(network) for network in parse(["gateway"], here=Desk()).networks] == ["192.168.7.1/32"]


@pytest.mark.parametrize("mac", ["00:00:5e:00:53:09", "02:00:77:00:00:0a"])
def test_a_neighbours_address_is_guessed_by_its_mac_and_by_its_number(mac: str) -> None:
    guesses = set(_guesses(Neighbour("192.168.7.16", mac), GLOBAL))
    assert {"2001:db8:77::10", "2001:db8:77::16"} < guesses
    (made,) = guesses - {"2001:db8:77::10", "2001:db8:77::16"}
    assert mac_in(made) == mac
    assert list(_guesses(Neighbour("2001:db8:77::1", mac), GLOBAL)) == []


@pytest.mark.parametrize("address", ["192.168.7.1", "2001:db8:77::1", "2001:db8::a1b2:c3d4:e5f6:1"])
def test_an_address_that_was_not_made_of_a_mac_has_none(address: str) -> None:
    assert mac_in(address) is None


def test_a_large_ipv6_network_counts_no_addresses_and_a_small_one_does() -> None:
    assert Scope((GLOBAL,)).size == 0
    assert Scope((ipaddress.ip_network("2001:db8:77::/124"),)).size == 16
