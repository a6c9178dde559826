"""A fragile device, which dies above 20 connections a second or 4 at once, survives a whole audit at `normal`."""

import asyncio
import ipaddress
import selectors
import socket
import threading
import time
from collections import deque

import pytest

from sohoaudit.audit import Auditor, Settings
from sohoaudit.dialer import OpenStreet
from sohoaudit.here import Nowhere
from sohoaudit.model import Audit, Endpoint, Scope
from sohoaudit.sweep.pace import LAB, NORMAL, Manners

HOST = "192.168.9.1"
MOST_A_SECOND, MOST_AT_ONCE = 20, 4
# Web ports, so that every kind of question is asked of it, beside ports that are closed.
OPEN = (80, 443, 8080, 8443, 81, 8081, 8000, 8888, 5000, 49152)
PAGE = b"HTTP/1.0 200 OK\r\nServer: tiny/0.9\r\nConnection: close\r\n\r\n<title>tiny</title>"


class Fragile(threading.Thread):
    """A box with one thread and no patience; once dead it answers nobody, and remembers of what it died."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.doors = {port: socket.create_server(("127.0.0.1", 0)) for port in OPEN}
        self.visits = 0
        self.died_of: str | None = None
        self._selector = selectors.DefaultSelector()
        self._arrivals: deque[float] = deque()
        self._guests = 0
        self._is_over = threading.Event()
        for door in self.doors.values():
            self._selector.register(door, selectors.EVENT_READ, "door")

    def run(self) -> None:
        while not self._is_over.is_set() and not self.died_of:
            for key, _ in self._selector.select(0.05):
                self._open(key.fileobj) if key.data == "door" else self._answer(key.fileobj)  # type: ignore[arg-type]
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]

    def end(self) -> None:
        self._is_over.set()
        self.join()

    def _open(self, door: socket.socket) -> None:
        guest, _ = door.accept()
        now = time.monotonic()
        self._arrivals.append(now)
        while self._arrivals[0] <= now - 1:
            self._arrivals.popleft()
        self.visits += 1
        self._guests += 1
        if len(self._arrivals) > MOST_A_SECOND:
            self.died_of = f"{len(self._arrivals)} connections in a second"
        if self._guests > MOST_AT_ONCE:
            self.died_of = f"{self._guests} connections at once"
        self._selector.register(guest, selectors.EVENT_READ, "guest")

    def _answer(self, guest: socket.socket) -> None:
        try:
            if guest.recv(4_096):
                guest.sendall(PAGE)
        except OSError:
            pass
        self._guests -= 1
        self._selector.unregister(guest)
        guest.close()


class Street(OpenStreet):
    has_multicast = False

    def __init__(self, device: Fragile) -> None:
        self.device = device

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        if endpoint.port not in self.device.doors:
            raise ConnectionRefusedError
        return self.device.doors[endpoint.port].getsockname()


@pytest.fixture
def device() -> "Fragile":
    box = Fragile()
    box.start()
    return box


async def audit_of(device: Fragile, manners: Manners) -> Audit:
    settings = Settings(manners=manners, tcp_ports=(*OPEN, *range(2_000, 2_040)), udp_ports=())
    scope = Scope((ipaddress.ip_network(HOST),), targets=(HOST,))
    audit = await Auditor([scope], settings, street=Street(device), here=Nowhere()).run()
    device.end()
    return audit


async def test_a_fragile_device_survives_a_whole_audit_at_normal_and_is_fully_read(device: Fragile) -> None:
    audit = await audit_of(device, NORMAL)
    assert device.died_of is None
    assert device.visits >= 2 * len(OPEN)
    assert {service.endpoint.port for service in audit.devices[0].services} == set(OPEN)


async def test_the_same_device_does_die_where_no_manners_are_kept(device: Fragile) -> None:
    await asyncio.wait_for(audit_of(device, LAB), 60)
    assert device.died_of is not None
