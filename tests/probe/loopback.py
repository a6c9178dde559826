"""A dialogue over loopback, and a street on which well-known ports lie on high ones."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_network

from sohoaudit.dialer import Dialer
from sohoaudit.model import Endpoint, Scope
from sohoaudit.probe import Dialogue, Settings
from sohoaudit.sweep.pace import LAB, PoliteKeeper

HERE = "127.0.0.1"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Table:
    """A street on which well-known ports lie on high loopback ports, and nothing else lies at all."""

    has_multicast = False

    def __init__(self) -> None:
        self.places: dict[Endpoint, int] = {}

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        try:
            return HERE, self.places[endpoint]
        except KeyError:
            raise ConnectionRefusedError(f"nothing at {endpoint}") from None


def dialogue(street: Table | None = None, **settings: object) -> Dialogue:
    """A dialogue that may touch loopback, with short waits."""
    scope = Scope((ip_network("127.0.0.0/8"), ip_network("192.168.50.0/24")))
    waits = {"key": b"test", "connect_s": 1.0, "read_s": 2.0, "datagram_s": 0.5} | settings
    return Dialogue(Dialer(scope, PoliteKeeper(LAB), street), Settings(**waits))  # type: ignore[arg-type]


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((HERE, 0))
        return int(sock.getsockname()[1])
