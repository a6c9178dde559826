"""Asks TCP ports by ordinary connection attempts: no rights needed, everywhere the same."""

import asyncio
import contextlib
import socket
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from ..dialer import Dialer, OpenStreet
from ..model import Endpoint, Vantage
from . import WHOLE_HOST, Ports, State
from .attempts import FIRST_TIMEOUT_S, NO_WAY, SHORTEST_TIMEOUT_S, Address, Attempts, Batch, News, patience_s

# An attempt counts among the host's connections as long as it may become one: twice its round trip and this; where
# nobody knows the round trip, so long that two at a time keep up 20 a second.
HOLDS_S, STRANGER_HOLDS_S = 0.02, 0.1
# A turn of the pace is good for so long; whoever waited longer for a connection takes another.
LATE_S = 0.01
# In haste so many ports of a host are handed over first; once one of them answered, the rest, two lots at a time.
SAMPLE, LOT, LOTS_AT_ONCE = 1_024, 4_096, 2
# Of a host that never answered no more ports than these are asked again.
FEW_PORTS = 30

__all__ = ["FIRST_TIMEOUT_S", "SHORTEST_TIMEOUT_S", "Connect", "timeout_s"]


class Connect:
    """Connections of the kernel's, closed as soon as they stand."""

    name = "connect"

    def __init__(self) -> None:
        """Opens nothing yet."""
        self._attempts = Attempts()
        # One attempt of a host waits for its turn at a time, so that no question waits behind many.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def lot(self, address: str, dialer: Dialer) -> int:
        """One by one, but for a pace that knows no limit."""
        return WHOLE_HOST if dialer.pace.burst(address) > 1 else 1

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """As `Way`; a port that the door refuses, or that no route leads to, is silent."""
        ask = self._ask_in_haste if self.lot(address, dialer) > 1 else self._ask_politely
        async with aclosing(ask(address, ports, dialer)) as answers:
            async for heard in answers:
                yield heard

    async def _ask_politely(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        asked = [asyncio.create_task(self._ask_one(address, port, dialer)) for port in ports]
        try:
            for answer in asyncio.as_completed(asked):
                yield await answer
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _ask_one(self, address: str, port: int, dialer: Dialer) -> Ports:
        there, place_of, decided = _located(address, [port], dialer)
        if not there:
            return decided[0]
        clock, told = asyncio.get_running_loop().time, asyncio.Queue[News]()
        async with contextlib.AsyncExitStack() as slot:
            async with self._turns[address]:
                there = await dialer.admit(address, there)
                turn_s = clock()
                if there:
                    await slot.enter_async_context(dialer.pace.connection(address, is_brief=True))
                if clock() - turn_s > LATE_S:
                    # The turn went by while others held the connections.
                    await dialer.admit(address, there)
            if not there:
                return Ports(address, State.SILENT, (port,))
            known_s = dialer.round_trips_s.get(address)
            with self._under_way(_batch(address, there, place_of, dialer, told, is_hasty=False)):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STRANGER_HOLDS_S if known_s is None else 2 * known_s + HOLDS_S):
                        return _heard(address, await told.get(), dialer)[0]
                # What is not answered by now holds no connection of the host's.
                await slot.aclose()
                return _heard(address, await told.get(), dialer)[0]

    async def _ask_in_haste(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        left, has_answered, repeated, asked_s = ports, False, 0, 0.0
        while True:
            silent: list[int] = []
            began_s = time.monotonic()
            async with aclosing(self._ask_each(address, left, dialer, is_known=has_answered)) as answers:
                async for heard in answers:
                    if heard.state is State.SILENT:
                        silent.extend(heard.numbers)
                        continue
                    has_answered = True
                    for _ in heard.numbers if repeated else ():
                        dialer.pace.lost(address, asked_s)
                    dialer.pace.answered(address, len(heard.numbers))
                    yield heard
            left, asked_s = silent, began_s
            if not left or repeated >= dialer.pace.repeats() or not (has_answered or len(ports) <= FEW_PORTS):
                break
            repeated += 1
        if left:
            yield Ports(address, State.SILENT, left)

    async def _ask_each(
        self, address: str, ports: Sequence[int], dialer: Dialer, *, is_known: bool
    ) -> AsyncGenerator[Ports, None]:
        """Ask each port once; a stranger on this link that answers nothing of a sample is not asked the rest."""
        told: asyncio.Queue[News] = asyncio.Queue()
        is_known |= dialer.scope.vantage is not Vantage.LAN
        start = under_way = 0
        with contextlib.ExitStack() as batches:
            while True:
                while start < len(ports) and under_way < LOTS_AT_ONCE and (is_known or not start):
                    lot = ports[start : start + (LOT if is_known else SAMPLE)]
                    start += len(lot)
                    there, place_of, decided = _located(address, lot, dialer)
                    for heard in decided:
                        yield heard
                    admitted = await dialer.admit(address, there)
                    if len(admitted) < len(there):
                        yield Ports(address, State.SILENT, sorted(set(there).difference(admitted)))
                    if admitted:
                        is_sample = not is_known
                        batch = _batch(address, admitted, place_of, dialer, told, is_hasty=True, is_sample=is_sample)
                        batches.enter_context(self._under_way(batch))
                        under_way += 1
                if not under_way:
                    break
                news = await told.get()
                under_way -= news.is_last
                for heard in _heard(address, news, dialer):
                    is_known |= heard.state is not State.SILENT
                    yield heard
        if start < len(ports):
            yield Ports(address, State.SILENT, ports[start:])

    @contextlib.contextmanager
    def _under_way(self, batch: Batch) -> Iterator[None]:
        self._attempts.hand_over(batch)
        try:
            yield
        finally:
            self._attempts.cancel(batch)


def timeout_s(dialer: Dialer, address: str) -> float:
    """How long to wait for this host: four of its round trips and a little, never longer than for a stranger."""
    return patience_s(dialer.round_trips_s.get(address))


def _batch(
    address: str,
    ports: Sequence[int],
    place_of: Callable[[int], Address],
    dialer: Dialer,
    told: "asyncio.Queue[News]",
    *,
    is_hasty: bool,
    is_sample: bool = False,
) -> Batch:
    family = socket.AF_INET6 if ":" in place_of(ports[0])[0] else socket.AF_INET
    known_s = dialer.round_trips_s.get(address)
    loop = asyncio.get_running_loop()
    return Batch(deque(ports), place_of, family, known_s, is_hasty, is_sample, told, loop)


def _heard(address: str, news: News, dialer: Dialer) -> list[Ports]:
    """What the news says, open ports first and each alone."""
    if news.fault:
        raise news.fault
    if news.is_last and news.round_trip_s is not None:
        dialer.note_round_trip(address, news.round_trip_s)
    heard = [Ports(address, State.OPEN, (port,)) for port in news.open]
    if news.closed:
        heard.append(Ports(address, State.CLOSED, news.closed))
    if news.silent:
        heard.append(Ports(address, State.SILENT, news.silent))
    return heard


def _located(
    address: str, ports: Sequence[int], dialer: Dialer
) -> tuple[Sequence[int], Callable[[int], Address], list[Ports]]:
    """The ports that can be dialled, where each of them is, and what the street itself says of the others."""
    if type(dialer.street) is OpenStreet:
        return ports, _places_at(address), []
    places: dict[int, Address] = {}
    decided: list[Ports] = []
    for port in ports:
        try:
            places[port] = dialer.street.locate(Endpoint(address, port))
        except OSError as fault:
            decided.append(Ports(address, _state_by(fault), (port,)))
    return list(places), places.__getitem__, decided


def _places_at(address: str) -> Callable[[int], Address]:
    """Every port of an address, which may be a link-local one with its interface."""
    host, _, zone = address.partition("%")
    if not zone:
        return lambda port: (host, port)
    scope_id = int(zone) if zone.isdigit() else socket.if_nametoindex(zone)
    return lambda port: (host, port, 0, scope_id)


def _state_by(fault: OSError) -> State:
    if isinstance(fault, ConnectionRefusedError):
        return State.CLOSED
    if isinstance(fault, TimeoutError) or fault.errno in NO_WAY:
        return State.SILENT
    raise fault
