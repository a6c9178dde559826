"""Tests of the one door: what is out of scope is never dialled, and nothing is read without a bound."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator

import pytest

from sohoaudit.dialer import Dialer, Harmful, OpenStreet, OutOfScope
from sohoaudit.model import Endpoint, Scope, Transport
from sohoaudit.sweep.pace import LAB, PoliteKeeper

LOOPBACK = Scope((ipaddress.ip_network("127.0.0.1"),))


@pytest.fixture
def dialer() -> Dialer:
    return Dialer(LOOPBACK, PoliteKeeper(LAB))


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


@pytest.fixture
async def dripping() -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(_drip, "127.0.0.1", 0)
    async with server:
        yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.2", "192.0.2.1", "::1", "localhost", ""])
async def test_an_address_outside_the_scope_is_refused_before_a_packet_leaves(dialer: Dialer, address: str) -> None:
    with pytest.raises(OutOfScope, match="nothing was sent"):
        await dialer.connect(Endpoint(address, 80), 1)
    with pytest.raises(OutOfScope):
        await dialer.ask(Endpoint(address, 161, Transport.UDP), b"?", 1)


async def test_multicast_goes_to_multicast_groups_only(dialer: Dialer) -> None:
    with pytest.raises(OutOfScope):
        async for _ in dialer.multicast("127.0.0.1", 1900, b"?", 0.1, "127.0.0.1"):
            pass


async def test_a_peer_that_drips_is_cut_off_in_time(dialer: Dialer, dripping: Endpoint) -> None:
    started = time.monotonic()
    async with dialer.open(dripping, 1) as connection:
        read = await connection.read(10_000, 0.3)
    assert 1 <= len(read) < 20
    assert time.monotonic() - started < 1


async def test_a_read_stops_at_its_limit_and_at_its_marker(dialer: Dialer, dripping: Endpoint) -> None:
    async with dialer.open(dripping, 1) as connection:
        assert await connection.read(3, 5) == b"xxx"
        assert (await connection.read(100, 5, until=b"x")).endswith(b"x")


async def test_a_closed_port_is_refused_and_its_round_trip_is_noted(dialer: Dialer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = Endpoint("127.0.0.1", unused.getsockname()[1])
        with pytest.raises(ConnectionRefusedError):
            await dialer.connect(closed, 1)
    assert dialer.round_trips_s["127.0.0.1"] < 0.5


async def test_a_datagram_to_a_closed_port_is_refused_and_to_a_silent_one_is_unanswered(dialer: Dialer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", silent.getsockname()[1], Transport.UDP)
        assert await dialer.ask(endpoint, b"?", 0.1) is None
    with pytest.raises(ConnectionRefusedError):
        await dialer.ask(endpoint, b"?", 0.5)


async def test_a_host_is_sent_no_more_connections_at_once_than_its_manners_allow(dripping: Endpoint) -> None:
    from sohoaudit.sweep.pace import NORMAL

    dialer = Dialer(LOOPBACK, PoliteKeeper(NORMAL))
    at_once = most = 0

    async def visit() -> None:
        nonlocal at_once, most
        async with dialer.open(dripping, 5) as connection:
            at_once += 1
            most = max(most, at_once)
            await connection.read(10, 5)
            at_once -= 1

    await asyncio.gather(*(visit() for _ in range(6)))
    assert most == NORMAL.host_connections


@pytest.mark.parametrize("port", [9100, 30718, 1040])
async def test_a_port_that_does_harm_is_shut_whoever_asks(dialer: Dialer, port: int) -> None:
    with pytest.raises(Harmful, match="may do harm"):
        await dialer.connect(Endpoint("127.0.0.1", port), 1)
    with pytest.raises(Harmful):
        await dialer.ask(Endpoint("127.0.0.1", port, Transport.UDP), b"x", 1)


async def test_a_harmful_port_that_the_user_named_is_dialled() -> None:
    with pytest.raises(ConnectionRefusedError):
        await Dialer(LOOPBACK, PoliteKeeper(LAB), named_ports=(9106,)).connect(Endpoint("127.0.0.1", 9106), 1)


class _OtherPort(asyncio.DatagramProtocol):
    """Answers from another port than it was asked on, as libupnp does."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"here", addr)


async def test_an_answer_from_another_port_of_the_host_is_heard_where_the_protocol_allows_it(dialer: Dialer) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_OtherPort, ("127.0.0.1", 0))
    endpoint = Endpoint("127.0.0.1", transport.get_extra_info("sockname")[1], Transport.UDP)
    assert await dialer.ask(endpoint, b"?", 1, from_any_port=True) == b"here"
    assert await dialer.ask(endpoint, b"?", 0.2) is None
    transport.close()


async def test_an_echo_to_everybody_leaves_no_street_without_a_link() -> None:
    class Inner(OpenStreet):
        has_multicast = False

    door = Dialer(Scope((ipaddress.ip_network("::1/128"),)), PoliteKeeper(LAB), Inner())
    with pytest.raises(OutOfScope, match="ff02::1"):
        async for _ in door.echoes("lo", "::1", 0.1):
            pass


async def test_a_source_port_that_is_still_in_use_is_waited_for() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked,
    ):
        other.bind(("0.0.0.0", 0))
        asked.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().call_later(0.2, other.close)
        door = Dialer(LOOPBACK, PoliteKeeper(LAB))
        there = Endpoint("127.0.0.1", asked.getsockname()[1], Transport.UDP)
        assert await door.ask(there, b"?", 1.0, source_port=other.getsockname()[1]) is None
        assert asked.recvfrom(9)[0] == b"?"
