"""Tests of the nouns."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.model import Endpoint, Observation, Scope, is_public, printable


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.1", False),
        ("10.9.8.7", False),
        ("172.31.0.1", False),
        ("172.32.0.1", True),
        ("100.64.0.1", False),
        ("100.128.0.1", True),
        ("169.254.3.4", False),
        ("203.0.113.7", True),
        ("198.51.100.1", True),
        ("8.8.8.8", True),
        ("2001:db8::1", True),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::1", False),
    ],
)
def test_public_is_what_the_internet_could_route_to_documentation_included(address: str, expected: bool) -> None:
    assert is_public(address) is expected


@given(st.text())
def test_no_text_keeps_a_character_that_steers_a_terminal_or_turns_a_line(text: str) -> None:
    safe = printable(text)
    assert all(character in "\n\t" or character.isprintable() or ord(character) > 0x9F for character in safe)
    assert not any("\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069" for character in safe)
    safe.encode("utf-8")


def test_what_is_made_printable_stays_readable() -> None:
    assert printable("a\r\nb\x1b[31m\u202ec\x00") == "a\nb\\x1b[31m\\u202ec\\x00"


def test_an_observation_keeps_no_empty_field() -> None:
    observation = Observation.of(Endpoint("192.0.2.1", 80), {"http.title": "", "http.server": "x"})
    assert dict(observation.fields) == {"http.server": "x"}


def test_an_endpoint_is_written_as_people_write_it() -> None:
    assert str(Endpoint("2001:db8::1", 443)) == "[2001:db8::1]:443"


@given(st.integers(0, 2**32 - 1), st.integers(20, 32))
def test_a_scope_holds_exactly_the_addresses_it_lists(number: int, prefix: int) -> None:
    network = ipaddress.IPv4Network((number, prefix), strict=False)
    middle = network[network.num_addresses // 2]
    scope = Scope((network,), excluded=(ipaddress.IPv4Network(middle),))
    listed = set(scope.addresses())
    assert str(middle) not in listed
    assert all(scope.holds(address) for address in listed)
    assert len(listed) >= network.num_addresses - 3


@pytest.mark.parametrize("text", ["", "router", "192.0.2.1 ", "192.0.2.999", "192.0.2.1/32", "::g"])
def test_what_is_no_address_is_in_no_scope(text: str) -> None:
    assert not Scope((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))).holds(text)
