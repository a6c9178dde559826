"""Finds open TCP ports by ordinary connection attempts: no rights needed, everywhere the same."""

import asyncio
import errno
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from ..dialer import Dialer
from ..model import Endpoint, Vantage

# Just under the second after which the kernel sends the SYN again, outside our pace (RFC 6298, section 2.1).
FIRST_TIMEOUT_S = 0.95
SHORTEST_TIMEOUT_S = 0.3
# A host on this link that let this many of the likeliest ports pass in silence has closed its ears.
SILENT_PORTS_BEFORE_GIVING_UP = 30
ATTEMPTS_AT_ONCE = 24
# Nobody there, no way there, or our own firewall: not an answer of the host.
_NO_WAY = (errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.EACCES, errno.EPERM)
# Of the ports that stayed silent only the likeliest are asked again, for the packet that got lost.
ASKED_AGAIN = 45


class State(StrEnum):
    """What a port answered: a connection, a refusal, or nothing."""

    OPEN = "open"
    CLOSED = "closed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Port:
    """One port of one host, and what it answered."""

    endpoint: Endpoint
    state: State


async def sweep(address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Port, None]:
    """Yield each port with its state as soon as it is known; a silent one only once it was asked for the last time.

    The dialer keeps the pace. A host that answers on no port at all is given up early.
    """
    silent: list[int] = []
    answered = False
    async with aclosing(_attempts(address, ports, dialer, give_up=dialer.scope.vantage is Vantage.LAN)) as attempts:
        async for port in attempts:
            if port.state is State.SILENT:
                silent.append(port.endpoint.port)
            else:
                answered = True
                yield port
    again = [port for port in silent if port in ports[:ASKED_AGAIN]] if answered else []
    for port_number in silent:
        if port_number not in again:
            yield Port(Endpoint(address, port_number), State.SILENT)
    async with aclosing(_attempts(address, again, dialer, give_up=False)) as attempts:
        async for port in attempts:
            yield port


async def _attempts(address: str, ports: Sequence[int], dialer: Dialer, *, give_up: bool) -> AsyncGenerator[Port, None]:
    results: asyncio.Queue[Port | None] = asyncio.Queue()
    slots = asyncio.Semaphore(ATTEMPTS_AT_ONCE)
    silent = answers = 0

    async def attempt(port: int) -> None:
        endpoint = Endpoint(address, port)
        try:
            results.put_nowait(Port(endpoint, await _state(endpoint, dialer)))
        finally:
            slots.release()

    async def attempt_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for port in ports:
                    await slots.acquire()
                    if give_up and not answers and silent >= SILENT_PORTS_BEFORE_GIVING_UP:
                        break
                    group.create_task(attempt(port))
        finally:
            results.put_nowait(None)

    attempting = asyncio.create_task(attempt_all())
    try:
        while (port := await results.get()) is not None:
            silent, answers = silent + (port.state is State.SILENT), answers + (port.state is not State.SILENT)
            yield port
        await attempting
    finally:
        attempting.cancel()
        await asyncio.gather(attempting, return_exceptions=True)


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
