"""Finds which ports are open, gently: one host at a time here, one file a way of asking a port."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..dialer import Dialer
from ..model import Endpoint, Vantage

# A host on this link that let this many of the likeliest ports pass in silence has closed its ears.
SILENT_PORTS_BEFORE_GIVING_UP = 30
# So many of the ports that stayed silent, the likeliest, are asked again for the packet that got lost; where many are
# known to get lost all are, and more than once.
ASKED_AGAIN = 45
# After so many silences in a row a port that answered before is asked again: is the host there, or only a filter?
SILENCES_BEFORE_DOUBT = 16
# At 20 packets a second so many attempts fill the time that a silent one waits; lots of several ports, as many.
ATTEMPTS_AT_ONCE, LOTS_AT_ONCE = 24, 3
# The lot of a way that takes all ports of a host at once.
WHOLE_HOST = 65_536
# A host that fell silent is left alone this long, asked once more, and then given up.
REST_S = 5.0


class State(StrEnum):
    """What a port answered: a connection, a refusal, or nothing."""

    OPEN = "open"
    CLOSED = "closed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of one host that answered alike; an open one comes alone, the others by the lot."""

    address: str
    state: State
    numbers: Sequence[int]

    @property
    def endpoint(self) -> Endpoint:
        """Where the first of them is: of an open one, the only."""
        return Endpoint(self.address, self.numbers[0])


class Fell(Exception):
    """A host answered, then answered nothing any more, not even after a rest; the rest of its ports stay unasked."""

    def __init__(self, address: str, unasked: int) -> None:
        """Names the host and how many of its ports were not asked."""
        super().__init__(f"{address} stopped answering; {unasked} ports were left unasked")
        self.unasked = unasked


class Way(Protocol):
    """A way of asking ports."""

    @property
    def name(self) -> str:
        """What the report prints, once the sweep is over."""

    def lot(self, address: str, dialer: Dialer) -> int:
        """How many ports of the host it takes in one `ask`, as things stand now.

        WHOLE_HOST where the pace knows no limit: then it takes all of them, and repeats the silent ones by itself.
        """

    def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """Ask each port at the pace, and yield each once with its state; a silent one when its time is over."""


async def sweep(address: str, ports: Sequence[int], dialer: Dialer, way: Way) -> AsyncGenerator[Ports, None]:
    """Yield each port with its state as soon as it is known; a silent one only once it was asked for the last time.

    The dialer keeps the pace. A host of this link that answers on no port at all is given up early.

    Raises:
        Fell: the host stopped answering; what was yielded before holds.
    """
    if way.lot(address, dialer) >= WHOLE_HOST:
        async with aclosing(way.ask(address, ports, dialer)) as answers:
            async for heard in answers:
                yield heard
        return
    host = _Host(address, dialer, way, may_give_up=dialer.scope.vantage is Vantage.LAN)
    silent_since: dict[int, float] = {}
    async with aclosing(host.ask_all(ports)) as first:
        async for heard in first:
            if heard.state is State.SILENT:
                silent_since |= dict.fromkeys(heard.numbers, time.monotonic())
            else:
                yield heard
    silent = [port for port in ports if port in silent_since]
    repeated = 0
    while repeated < dialer.pace.repeats() and (asked := _asked_again(silent, host, dialer)):
        repeated += 1
        async with aclosing(host.ask_all(asked)) as answers:
            async for heard in answers:
                if heard.state is State.SILENT:
                    silent_since |= dict.fromkeys(heard.numbers, time.monotonic())
                    continue
                for port in heard.numbers:
                    silent.remove(port)
                    dialer.pace.lost(address, silent_since[port])
                yield heard
    if silent:
        yield Ports(address, State.SILENT, silent)


def _asked_again(silent: Sequence[int], host: "_Host", dialer: Dialer) -> Sequence[int]:
    """Which of the silent ports are worth another packet."""
    if dialer.pace.repeats() == 1:
        return silent[:ASKED_AGAIN] if host.witness else ()
    # Where packets get lost a host may have seemed deaf by bad luck.
    return silent if host.witness else silent[:SILENCES_BEFORE_DOUBT]


class _Host:
    """What one host answered so far, and whether it still does."""

    def __init__(self, address: str, dialer: Dialer, way: Way, *, may_give_up: bool) -> None:
        self._address = address
        self._dialer = dialer
        self._way = way
        self._may_give_up = may_give_up
        self._silences = 0
        # A port that answered, and may be asked for a sign of life.
        self.witness: int | None = None

    async def ask_all(self, ports: Sequence[int]) -> AsyncGenerator[Ports, None]:
        """Ask the ports in order, as many at once as the way and the pace allow."""
        results: asyncio.Queue[Ports | None] = asyncio.Queue()
        asking = asyncio.create_task(self._ask_in_turn(ports, results))
        try:
            while (heard := await results.get()) is not None:
                self._note(heard)
                yield heard
            await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask_in_turn(self, ports: Sequence[int], results: "asyncio.Queue[Ports | None]") -> None:
        single, lots = asyncio.Semaphore(ATTEMPTS_AT_ONCE), asyncio.Semaphore(LOTS_AT_ONCE)

        async def ask(some: Sequence[int], slots: asyncio.Semaphore) -> None:
            try:
                async with aclosing(self._way.ask(self._address, some, self._dialer)) as answers:
                    async for heard in answers:
                        results.put_nowait(heard)
            finally:
                slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                start = 0
                while start < len(ports):
                    lot = self._way.lot(self._address, self._dialer)
                    slots = single if lot == 1 else lots
                    await slots.acquire()
                    if not self.witness and self._may_give_up and self._silences >= SILENT_PORTS_BEFORE_GIVING_UP:
                        break
                    if self.witness and self._silences >= SILENCES_BEFORE_DOUBT:
                        await self._make_sure(len(ports) - start)
                    group.create_task(ask(ports[start : start + lot], slots))
                    start += lot
                    # The other hosts have their turn.
                    await asyncio.sleep(0)
        except BaseExceptionGroup as faults:
            # Not `except*`: what is raised in there, Python 3.11.2 wraps in a group again.
            fell, others = faults.split(Fell)
            if fell is None or others:
                raise
            raise fell.exceptions[0] from None
        finally:
            results.put_nowait(None)

    def _note(self, heard: Ports) -> None:
        if heard.state is State.SILENT:
            self._silences += len(heard.numbers)
            # A queue on the way may make the answers late: the next ones are waited for as long as a stranger's.
            self._dialer.round_trips_s.pop(self._address, None)
            return
        self._silences = 0
        self._dialer.pace.answered(self._address, len(heard.numbers))
        # A refusal costs a device least; the last one is the best sign of life.
        if self.witness is None or heard.state is State.CLOSED:
            self.witness = heard.numbers[-1]

    async def _make_sure(self, unasked: int) -> None:
        """Ask the witness again, after a rest once more, and raise Fell where it stays silent."""
        self._silences = 0
        if await self._is_alive():
            return
        await asyncio.sleep(REST_S)
        self._dialer.pace.be_gentle_to(self._address)
        if not await self._is_alive():
            raise Fell(self._address, unasked)

    async def _is_alive(self) -> bool:
        asked = [self.witness] if self.witness else []
        for _ in range(self._dialer.pace.repeats()):
            async with aclosing(self._way.ask(self._address, asked, self._dialer)) as answers:
                if any([heard.state is not State.SILENT async for heard in answers]):
                    return True
        return False
