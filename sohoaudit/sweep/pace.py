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
MANNERS = {manners.name: manners for manners in (GENTLE, NORMAL, LAB)}


class Turns:
    """Hands out moments that are evenly spaced: a leaky bucket with no burst, so that no second holds too many."""

    def __init__(self, a_second: float) -> None:
        """Takes the rate."""
        self._gap_s = 1 / a_second
        self._next_s = 0.0

    def slow_to(self, a_second: float) -> None:
        """Hand out moments at another rate from now on."""
        self._gap_s = 1 / a_second

    async def take(self) -> None:
        """Wait for the next moment."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        mine = max(now, self._next_s)
        self._next_s = mine + self._gap_s
        if mine > now:
            await asyncio.sleep(mine - now)


class _Host:
    """What one host has been asked so far, and the locks that hold the next question back."""

    def __init__(self, manners: Manners) -> None:
        self.turns = Turns(manners.host_packets_a_second)
        self.treat_with(manners)
        self.in_flight: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.spacing = asyncio.Lock()
        self.next_request_s = 0.0
        self.requests = 0

    def treat_with(self, manners: Manners) -> None:
        """Change the manners; moments already handed out and connections already open stay as they are."""
        self.manners = manners
        self.turns.slow_to(manners.host_packets_a_second)
        self.connections = asyncio.Semaphore(manners.host_connections)


class PoliteKeeper:
    """Keeps the pace of one run: one budget a host over sweep, probes and follow-ups together, one for the run."""

    def __init__(self, manners: Manners = NORMAL) -> None:
        """Takes the manners that hold for every host that is not known to be fragile."""
        self.manners = manners
        self._run = Turns(manners.run_packets_a_second)
        self._hosts: dict[str, _Host] = {}

    def be_gentle_to(self, address: str) -> None:
        """Ask this host less from now on; what is in flight ends first."""
        host = self._host(address)
        if host.manners.host_packets_a_second > GENTLE.host_packets_a_second:
            host.treat_with(GENTLE)

    async def packet(self, address: str) -> None:
        """Wait until one more new packet may go to the host."""
        await self._host(address).turns.take()
        await self._run.take()

    @contextlib.asynccontextmanager
    async def connection(self, address: str) -> AsyncIterator[None]:
        """Hold one of the host's connections."""
        async with self._host(address).connections:
            yield

    @contextlib.asynccontextmanager
    async def request(self, endpoint: Endpoint) -> AsyncIterator[None]:
        """Hold the one request that may be in flight at the endpoint, at least a gap after the host's last.

        Raises:
            BudgetSpent: the host was asked as many requests as one audit allows.
        """
        host = self._host(endpoint.address)
        async with host.in_flight[endpoint.port]:
            if host.requests >= host.manners.host_requests:
                raise BudgetSpent(f"{endpoint.address} was asked {host.requests} requests, as many as one audit may")
            host.requests += 1
            loop = asyncio.get_running_loop()
            async with host.spacing:
                wait_s = host.next_request_s - loop.time()
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
                host.next_request_s = loop.time() + host.manners.request_gap_s
            try:
                yield
            finally:
                host.next_request_s = max(host.next_request_s, loop.time() + host.manners.request_gap_s)

    def _host(self, address: str) -> _Host:
        if address not in self._hosts:
            self._hosts[address] = _Host(self.manners)
        return self._hosts[address]
