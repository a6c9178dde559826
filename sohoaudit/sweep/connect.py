"""Asks TCP ports by ordinary connection attempts: no rights needed, everywhere the same."""

import asyncio
import errno
from collections.abc import AsyncGenerator, Sequence

from ..dialer import Dialer
from ..model import Endpoint
from . import Ports, State

# Just under the second after which the kernel sends the SYN again, outside our pace (RFC 6298, section 2.1).
FIRST_TIMEOUT_S = 0.95
SHORTEST_TIMEOUT_S = 0.3
# No MAC, no route, an interface that went down, a firewall of this machine's own: no answer of the host's.
_NO_WAY = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}


class Connect:
    """Connections of the kernel's, closed as soon as they stand."""

    name = "connect"

    def lot(self, address: str, dialer: Dialer) -> int:
        """One by one, at any pace."""
        return 1

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """As `Way`; a port that the door refuses, or that no route leads to, is silent."""
        asked = [asyncio.create_task(self._ask_one(Endpoint(address, port), dialer)) for port in ports]
        try:
            for answer in asyncio.as_completed(asked):
                yield await answer
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _ask_one(self, endpoint: Endpoint, dialer: Dialer) -> Ports:
        return Ports(endpoint.address, await _state(endpoint, dialer), (endpoint.port,))


async def _state(endpoint: Endpoint, dialer: Dialer) -> State:
    try:
        (await dialer.connect(endpoint, timeout_s(dialer, endpoint.address))).close()
        return State.OPEN
    except ConnectionRefusedError:
        return State.CLOSED
    except TimeoutError:
        return State.SILENT
    except OSError as fault:
        if fault.errno == errno.ECONNRESET:
            return State.CLOSED
        if fault.errno in _NO_WAY:
            return State.SILENT
        raise


def timeout_s(dialer: Dialer, address: str) -> float:
    """How long to wait for this host: four of its round trips and a little, never longer than for a stranger."""
    round_trip = dialer.round_trips_s.get(address)
    if round_trip is None:
        return FIRST_TIMEOUT_S
    return min(FIRST_TIMEOUT_S, max(SHORTEST_TIMEOUT_S, 4 * round_trip + 0.1))
