"""The politeness: how fast one host, and the whole run, may be spoken to.

The numbers come from what other careful scanners allow themselves and from devices known to fall over: runZero sends
40 packets a second to a host at most, tiny web servers hang under parallel requests, and NAT tables fill under floods.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..dialer import BudgetSpent
from ..model import Endpoint


@dataclass(frozen=True, slots=True)
class Manners:
    """One set of limits; rates are new packets a second, gaps are seconds between requests to one host."""

    name: str
    host_packets_a_second: float
    run_packets_a_second: float
    host_connections: int
    request_gap_s: float
    host_requests: int


GENTLE = Manners("gentle", 5, 500, 1, 0.5, 30)
NORMAL = Manners("normal", 20, 1_000, 2, 0.25, 30)
# For emulated devices on loopback and for benchmarks of capacity; never a default against real devices.
LAB = Manners("lab", 10_000, 100_000, 64, 0.0, 1_000)
SHORTEST_SLEEP_S = 0.001
MANNERS = {manners.name: manners for manners in (GENTLE, NORMAL, LAB)}


class Turns:
    """Hands out moments a gap apart, with no burst: who came late shifts those behind, so that no second holds more."""

    def __init__(self, gap_s: float) -> None:
        """Takes the least time between two moments."""
        self.gap_s = gap_s
        self._last_s = 0.0
        self._queue = asyncio.Lock()

    async def take(self) -> None:
        """Wait for the next moment."""
        clock = asyncio.get_running_loop().time
        async with self._queue:
            moment = max(clock(), self._last_s + self.gap_s)
            # A loop cannot sleep shorter than this; the debt is paid by the next one.
            if moment - clock() > SHORTEST_SLEEP_S:
                await asyncio.sleep(moment - clock())
                moment = max(moment, clock())
            self._last_s = moment


class _Host:
    """What one host has been asked so far, and the locks that hold the next question back."""

    def __init__(self, manners: Manners) -> None:
        self.turns = Turns(0)
        self.requests_apart = Turns(0)
        self.treat_with(manners)
        self.in_flight: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.requests = 0

    def treat_with(self, manners: Manners) -> None:
        """Change the manners; moments already handed out and connections already open stay as they are."""
        self.manners = manners
        self.turns.gap_s = 1 / manners.host_packets_a_second
        self.requests_apart.gap_s = manners.request_gap_s
        self.connections = asyncio.Semaphore(manners.host_connections)


class PoliteKeeper:
    """Keeps the pace of one run: one budget a host over sweep, probes and follow-ups together, one for the run."""

    def __init__(self, manners: Manners = NORMAL) -> None:
        """Takes the manners that hold for every host that is not known to be fragile."""
        self.manners = manners
        self._run = Turns(1 / manners.run_packets_a_second)
        self._hosts: dict[str, _Host] = {}

    def be_gentle_to(self, address: str) -> None:
        """Ask this host less from now on; what is in flight ends first."""
        host = self._host(address)
        if host.manners.host_packets_a_second > GENTLE.host_packets_a_second:
            host.treat_with(GENTLE)

    async def packet(self, address: str) -> None:
        """Wait until one more new packet may go to the host."""
        await self._run.take()
        # The host's turn comes last, so that nothing stands between it and the packet.
        await self._host(address).turns.take()

    @contextlib.asynccontextmanager
    async def connection(self, address: str) -> AsyncIterator[None]:
        """Hold one of the host's connections."""
        async with self._host(address).connections:
            yield

    @contextlib.asynccontextmanager
    async def request(self, endpoint: Endpoint) -> AsyncIterator[None]:
        """Hold the one request that may be in flight at the endpoint; it is sent after `gap`.

        Raises:
            BudgetSpent: the host was asked as many requests as one audit allows.
        """
        host = self._host(endpoint.address)
        async with host.in_flight[endpoint.port]:
            if host.requests >= host.manners.host_requests:
                raise BudgetSpent(f"{endpoint.address} was asked {host.requests} requests, as many as one audit may")
            host.requests += 1
            yield

    async def gap(self, address: str) -> None:
        """Wait until the next request may be sent to the host: the last thing before its first byte leaves."""
        await self._host(address).requests_apart.take()

    def _host(self, address: str) -> _Host:
        if address not in self._hosts:
            self._hosts[address] = _Host(self.manners)
        return self._hosts[address]
