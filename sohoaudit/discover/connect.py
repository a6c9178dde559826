"""Finds hosts by trying to connect to a few telling ports: an open or a refused one, or an ARP answer, is a host."""

import asyncio
import errno
from collections.abc import AsyncGenerator

from ..dialer import Dialer
from ..here import Here
from ..model import Endpoint, Scope
from . import Sighting, way

# One of these is open or refused on nearly every device that has an address (device ports, most common first).
TELLING_PORTS = (80, 443, 22, 23, 8080, 53, 445, 7547)
# Just under the second after which the kernel sends the SYN again, outside our pace.
TIMEOUT_S = 0.95
HOSTS_AT_ONCE = 256
# On the local link the kernel asks for the MAC by itself; two tries that get none mean that nobody is there.
TRIES_WITHOUT_A_MAC = 2
TABLE_IS_FRESH_S = 0.3


@way("connect")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each address of the scope that answers a connection attempt, or whose MAC the kernel learnt by it."""
    found: asyncio.Queue[Sighting | None] = asyncio.Queue()
    slots = asyncio.Semaphore(HOSTS_AT_ONCE)
    neighbours = _Neighbours(here, dialer.scope)

    async def knock(address: str) -> None:
        try:
            how = await _answers(address, dialer, here, neighbours)
            if how:
                found.put_nowait(Sighting(address, how))
        finally:
            slots.release()

    async def knock_everywhere() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for address in dialer.scope.addresses():
                    await slots.acquire()
                    group.create_task(knock(address))
        finally:
            found.put_nowait(None)

    knocking = asyncio.create_task(knock_everywhere())
    try:
        while (sighting := await found.get()) is not None:
            yield sighting
        await knocking
    finally:
        knocking.cancel()
        await asyncio.gather(knocking, return_exceptions=True)


class _Neighbours:
    """The neighbour table, read again at most a few times a second however many addresses ask for it."""

    def __init__(self, here: Here, scope: Scope) -> None:
        self._here, self._scope = here, scope
        self._lock = asyncio.Lock()
        self._read_s = -TABLE_IS_FRESH_S
        self._addresses: frozenset[str] = frozenset()

    async def hold(self, address: str) -> bool:
        """Whether somebody answered for this address on the link."""
        clock = asyncio.get_running_loop().time
        async with self._lock:
            if clock() - self._read_s >= TABLE_IS_FRESH_S:
                self._addresses = frozenset(
                    n.address for n in await asyncio.to_thread(self._here.neighbours, self._scope)
                )
                self._read_s = clock()
        return address in self._addresses


async def _answers(address: str, dialer: Dialer, here: Here, neighbours: _Neighbours) -> str | None:
    is_on_link = here.interface_towards(address) is not None
    for tried, port in enumerate(TELLING_PORTS, start=1):
        try:
            (await dialer.connect(Endpoint(address, port), TIMEOUT_S)).close()
            return "connect"
        except ConnectionRefusedError:
            return "connect"
        except TimeoutError:
            pass
        except OSError as fault:
            if fault.errno in (errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.EACCES, errno.EPERM):
                return None
            if fault.errno != errno.ECONNRESET:
                raise
            return "connect"
        if is_on_link:
            if await neighbours.hold(address):
                return "neighbour"
            if tried == TRIES_WITHOUT_A_MAC:
                return None
    return None
