"""An emulated small office on loopback: real sockets, made-up devices, and no way to reach anything else."""

import contextlib
import errno
import ipaddress
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from ..dialer import Street
from ..model import Endpoint, Scope, Vantage
from .doors import LOOPBACK, GuestBook
from .office import DEVICES, LAN, PUBLIC_ADDRESS, DemoDevice, Truth

__all__ = ["GuestBook", "Office", "Truth", "open_office"]


@dataclass(frozen=True, slots=True)
class Office:
    """The open office: the way in, what may be audited from where, and what is true.

    `devices` are the table's rows (name, addresses, `truth`, services) by name; `guest_books` say by address how each
    face was treated so far, since a visitor who meets both faces of a box cannot know at first that they are one.
    """

    street: Street
    lan: Scope
    wan: Scope
    devices: Mapping[str, DemoDevice]
    guest_books: Mapping[str, GuestBook]

    @property
    def truth(self) -> dict[str, Truth]:
        """What each device is, by its name."""
        return {name: device.truth for name, device in self.devices.items()}


class _Table:
    """The demo's street: from the office's endpoints to loopback ports, and nothing else to reach."""

    has_multicast = False

    def __init__(self) -> None:
        self._doors: dict[Endpoint, int] = {}
        self._addresses: set[str] = set()

    def lay(self, endpoint: Endpoint, port: int) -> None:
        self._doors[endpoint] = port
        self._addresses.add(endpoint.address)

    def clear(self) -> None:
        # A loopback port that was given back may be anybody's.
        self._doors.clear()
        self._addresses.clear()

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        """The loopback port behind an endpoint.

        Raises:
            ConnectionRefusedError: a device has the address, and nothing listens on the port.
            OSError: EHOSTUNREACH, nobody has the address.
        """
        port = self._doors.get(endpoint)
        if port is not None:
            return LOOPBACK, port
        if endpoint.address in self._addresses:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"{endpoint}: nothing listens there")
        raise OSError(errno.EHOSTUNREACH, f"{endpoint.address}: nobody lives there")


@contextlib.asynccontextmanager
async def open_office() -> AsyncIterator[Office]:
    """Start the office in this event loop; every socket is closed and every task ended when the block ends."""
    table = _Table()
    books: dict[str, GuestBook] = defaultdict(GuestBook)
    async with contextlib.AsyncExitStack() as shelf:
        shelf.callback(table.clear)
        for device in DEVICES:
            for service in device.services:
                faces = [(device.address, service.port), (PUBLIC_ADDRESS, service.outside)]
                for address, port in faces:
                    if port is not None:
                        door = await service.open(books[address], shelf)
                        table.lay(Endpoint(address, port, service.transport), door)
        yield Office(
            street=table,
            lan=Scope((ipaddress.ip_network(LAN),), targets=(LAN,)),
            wan=Scope(
                (ipaddress.ip_network(PUBLIC_ADDRESS),),
                vantage=Vantage.INTERNET,
                authority="the demo's own office",
                targets=(PUBLIC_ADDRESS,),
            ),
            devices={device.name: device for device in DEVICES},
            guest_books=dict(books),
        )
