"""A wall clock that jumps in the middle of an audit changes neither its pace nor its time."""

import asyncio
import datetime as calendar
import ipaddress
import socket
import time
from collections.abc import AsyncIterator

import pytest

from sohoaudit import audit as pipeline
from sohoaudit import model
from sohoaudit.audit import Auditor, Settings
from sohoaudit.dialer import OpenStreet
from sohoaudit.here import Nowhere
from sohoaudit.model import Endpoint, Scope
from sohoaudit.sweep.pace import NORMAL, PoliteKeeper

BOX = "192.168.9.1"
PORTS = (80, *range(2_000, 2_030))


class Street(OpenStreet):
    """One box with one page."""

    has_multicast = False

    def __init__(self, page: int, closed: int) -> None:
        self.page, self.closed = page, closed

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        return "127.0.0.1", self.page if endpoint.port == 80 else self.closed


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4_096)
    writer.write(b"HTTP/1.0 200 OK\r\n\r\n<title>Vigor Login Page</title>")
    await writer.drain()
    writer.close()


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    server = await asyncio.start_server(_page, "127.0.0.1", 0)
    async with server:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            yield Street(server.sockets[0].getsockname()[1], deaf.getsockname()[1])


@pytest.mark.parametrize("jump_s", [-86_400, 86_400], ids=["set back a day", "set forward a day"])
async def test_a_clock_that_jumps_changes_neither_the_pace_nor_the_time(
    street: Street, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    off_s = 0.0
    wall, paced = time.time, PoliteKeeper.packet
    left_s: list[float] = []

    async def packet(keeper: PoliteKeeper, address: str, count: int = 1, *, is_talk: bool = False) -> None:
        await paced(keeper, address, count, is_talk=is_talk)
        left_s.append(time.monotonic())

    monkeypatch.setattr(PoliteKeeper, "packet", packet)

    class Jumping(calendar.datetime):
        @classmethod
        def now(cls, tz: calendar.tzinfo | None = None) -> "Jumping":
            return cls.fromtimestamp(wall() + off_s, tz)

    def jump() -> None:
        nonlocal off_s
        off_s = jump_s

    monkeypatch.setattr(time, "time", lambda: wall() + off_s)
    for room in (pipeline, model):
        monkeypatch.setattr(room, "datetime", Jumping)
    asyncio.get_running_loop().call_later(0.8, jump)
    began_s = time.monotonic()
    scope = Scope((ipaddress.ip_network(BOX),), targets=(BOX,))
    settings = Settings(manners=NORMAL, tcp_ports=PORTS, udp_ports=())
    audit = await Auditor([scope], settings, street=street, here=Nowhere()).run()
    took_s = time.monotonic() - began_s
    assert off_s, "the audit was over before the clock jumped"
    assert len(left_s) > len(PORTS)
    assert max(sum(at <= other < at + 1 for other in left_s) for at in left_s) <= 21
    assert took_s < 20
    assert 0 <= (audit.ended - audit.started).total_seconds() <= took_s
    assert audit.devices[0].services
