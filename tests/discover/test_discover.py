"""Tests of finding hosts: whoever answers anything counts, and a way that fails stops no other."""

import asyncio
import errno
import ipaddress
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from sohoaudit import discover
from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.discover import Sighting
from sohoaudit.discover.connect import TELLING_PORTS
from sohoaudit.here import Here, Link, Neighbour, Nowhere
from sohoaudit.model import Endpoint, Gap, Scope
from sohoaudit.sweep.pace import LAB, PoliteKeeper

NETWORK = ipaddress.ip_network("192.168.9.0/28")


class Street(OpenStreet):
    """A network in which .1 refuses, .2 drops all and nobody else lives; it remembers who was asked."""

    has_multicast = False

    def __init__(self) -> None:
        self.asked: list[Endpoint] = []

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        self.asked.append(endpoint)
        if endpoint.address == "192.168.9.1":
            raise ConnectionRefusedError
        if endpoint.address == "192.168.9.2":
            raise TimeoutError
        raise OSError(errno.EHOSTUNREACH, "nobody")


class OnLink(Nowhere):
    """A machine on the network, whose kernel learnt the MAC of .2 when it was asked."""

    links = (Link("eth0", ipaddress.ip_address("192.168.9.14"), NETWORK),)

    def neighbours(self, scope: Scope) -> tuple[Neighbour, ...]:
        return (Neighbour("192.168.9.2", "00:00:5e:00:53:02"), Neighbour("192.168.8.8", "00:00:5e:00:53:08"))


async def found(street: Street, here: Here) -> list[Sighting | Gap]:
    dialer = Dialer(Scope((NETWORK,)), PoliteKeeper(LAB), street)
    async with aclosing(discover.sightings(dialer, here)) as sightings:
        return [item async for item in sightings]


async def test_a_host_that_refuses_a_connection_lives_and_one_where_nobody_answers_does_not() -> None:
    seen = await found(Street(), Nowhere())
    assert {(item.address, item.way) for item in seen if isinstance(item, Sighting)} == {("192.168.9.1", "connect")}


async def test_a_host_that_drops_everything_is_known_by_its_mac() -> None:
    seen = await found(Street(), OnLink())
    assert ("192.168.9.2", "neighbour") in {(i.address, i.way) for i in seen if isinstance(i, Sighting)}


async def test_a_neighbour_outside_the_scope_is_not_looked_at() -> None:
    seen = await found(Street(), OnLink())
    assert "192.168.8.8" not in {item.address for item in seen if isinstance(item, Sighting)}


async def test_a_silent_address_costs_no_more_than_the_telling_ports() -> None:
    street = Street()
    await found(street, Nowhere())
    asked = [endpoint.port for endpoint in street.asked if endpoint.address == "192.168.9.2"]
    assert asked == list(TELLING_PORTS)


async def test_a_way_that_fails_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
        raise OSError(errno.ENODEV, "the interface went away")
        yield

    monkeypatch.setattr(discover, "_ways", {**discover.ways(), "broken": broken})
    seen = await found(Street(), Nowhere())
    gaps = [item for item in seen if isinstance(item, Gap)]
    assert [(gap.subject, gap.matters) for gap in gaps] == [("broken", True)]
    assert "the interface went away" in gaps[0].reason
    assert [item for item in seen if isinstance(item, Sighting)]


async def test_a_search_that_is_abandoned_leaves_no_task_behind() -> None:
    dialer = Dialer(Scope((NETWORK,)), PoliteKeeper(LAB), Street())
    async with aclosing(discover.sightings(dialer, Nowhere())) as sightings:
        await anext(sightings)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


def test_every_way_is_a_file_of_its_folder() -> None:
    assert set(discover.ways()) == {"arp", "connect", "ipv6", "mdns", "neighbours", "ssdp"}
