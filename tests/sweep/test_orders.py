"""Tests of the orders: what was written is read alike, and the scope they hold is that of the parent."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.model import Scope
from sohoaudit.sweep.orders import Orders, packed_of, text_of

four = st.ip_addresses(v=4).flatmap(
    lambda ip: st.integers(8, 32).map(lambda bits: ipaddress.ip_network(f"{ip}/{bits}", strict=False))
)
six = st.ip_addresses(v=6).flatmap(
    lambda ip: st.integers(64, 128).map(lambda bits: ipaddress.ip_network(f"{ip}/{bits}", strict=False))
)
networks = st.lists(st.one_of(four, six), max_size=4)


def orders(inside: list, outside: list) -> Orders:
    return Orders(
        interface="eth0", source="192.0.2.7", gateway="192.0.2.1", on_link=["192.0.2.0/24"],
        networks=[str(each) for each in inside], excluded=[str(each) for each in outside],
        shut=[9_100, 30_718], host_rate=20.0, run_rate=1_000.0,
    )  # fmt: skip


@given(networks, networks)
def test_orders_are_read_as_they_were_written(inside: list, outside: list) -> None:
    written = orders(inside, outside)
    read = Orders.read(written.text())
    assert [getattr(read, name) for name in Orders.TOLD] == [getattr(written, name) for name in Orders.TOLD]


@given(networks, networks, st.data())
def test_the_helpers_scope_is_the_parents(inside: list, outside: list, data: st.DataObject) -> None:
    near = [each[0] for each in (*inside, *outside)]
    address = data.draw(st.one_of(st.ip_addresses(), *([st.sampled_from(near)] if near else [])))
    held = Scope(tuple(inside), tuple(outside)).holds(address)
    assert orders(inside, outside).may(packed_of(str(address))) is held


@given(st.ip_addresses())
def test_an_address_is_written_as_it_was_read(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert ipaddress.ip_address(text_of(packed_of(str(address)))) == address


@pytest.mark.parametrize("text", ["", "interface eth0", "host_rate many"])
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        Orders.read(text)
