"""The politeness: how fast one host, and the whole run, may be spoken to.

The numbers come from what other careful scanners allow themselves and from devices known to fall over: runZero sends
40 packets a second to a host at most, tiny web servers hang under parallel requests, and NAT tables fill under floods.
"""

import asyncio
import contextlib
import math
import statistics
import time
from collections import Counter, defaultdict, deque
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
LAB = Manners("lab", 1_000_000, 1_000_000, 64, 0.0, 1_000)
SHORTEST_SLEEP_S = 0.001
# So much later than its turn a packet may leave without a second of the host's holding one too many.
LATENESS_S = 0.04
# A timer wakes so much late every time, which must not add up to a slower pace.
FORGIVEN_S = 0.002
# A turn costs us this; at any pace for real devices a packet takes longer. No lot takes a host longer than LOT_S.
TURN_S, LOT_S = 0.00125, 0.2
# What a host may be sent within this time may as well be sent at once; at any pace for real devices that is one.
BURST_S = 0.01
MANNERS = {manners.name: manners for manners in (GENTLE, NORMAL, LAB)}


class Turns:
    """Hands out moments a gap apart, with no burst: who came late shifts those behind, so that no second holds more."""

    def __init__(self, gap_s: float) -> None:
        """Takes the least time between two moments."""
        self.gap_s = gap_s
        self._next_s = 0.0
        # How late this machine itself was of late: what it adds to every time that is measured here.
        self.late_s = 0.0
        self._queue = asyncio.Lock()
        self._pressing = 0

    async def take(self, count: int = 1) -> None:
        """Wait for the next moment; `count` things happen in it, and the one after waits that much longer."""
        async with self.hold(count):
            pass

    @contextlib.asynccontextmanager
    async def hold(self, count: int = 1, *, is_pressing: bool = False) -> AsyncIterator[None]:
        """The same for a moment that another budget may put off: it counts from when the block ends.

        What is pressing goes before all that wait and are not.
        """
        clock = asyncio.get_running_loop().time
        await self._come_to_turn(is_pressing)
        try:
            moment = max(clock(), self._next_s)
            # A loop cannot sleep shorter than this; the debt is paid by the next one.
            if moment - clock() > SHORTEST_SLEEP_S:
                await asyncio.sleep(moment - clock())
            self.late_s = max(0.9 * self.late_s, clock() - moment)
            yield
            self._next_s = max(moment, clock() - FORGIVEN_S) + count * self.gap_s
        finally:
            self._queue.release()

    async def _come_to_turn(self, is_pressing: bool) -> None:
        self._pressing += is_pressing
        try:
            await self._queue.acquire()
            while self._pressing and not is_pressing:
                # To the end of the line, behind whoever is pressed.
                self._queue.release()
                await self._queue.acquire()
        finally:
            self._pressing -= is_pressing


class Places:
    """So many connections a host may have at once; who needs one but for a moment goes before the others."""

    def __init__(self, count: int) -> None:
        """Takes how many there are."""
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    @contextlib.asynccontextmanager
    async def hold(self, *, is_brief: bool) -> AsyncIterator[None]:
        """Hold one, once there is one."""
        if self._free:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.appendleft(turn) if is_brief else self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._give_back()
                raise
        try:
            yield
        finally:
            self._give_back()

    def _give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Link:
    """The way out, which may be slower than the run's budget: loss and growing round trips halve its rate, as in TCP.

    A lost packet is one whose repetition was answered. A queue on the way shows in every round trip, a slow device
    only in its own: the median of the last ones counts. What was sent before the rate halved says nothing of the new
    one. Answers raise it again, a step each.
    """

    # What a bad line loses at any rate (5 % each way and a little) is no sign of haste: slowing down saves none of it.
    LOST_SHARE = 0.15
    QUEUE_S = 0.15
    # Losses are known late, after a host's first round: so many are forgiven after a time of clean answers.
    CREDIT = 200.0
    LEAST_PACKETS_A_SECOND = 50.0
    # Of so many answers one is judged; after a halving as many must come before the next.
    WINDOW = 32
    # So many answers raise it from nothing to all: at a round trip of 0.1 s about as fast as TCP (RFC 5681, 3.1).
    STEPS = 1_000
    # So few of the ports that are open may be missed for packets that got lost; and so often at most one is repeated.
    MISSED, MOST_REPEATS = 1e-4, 4

    def __init__(self, most_packets_a_second: float) -> None:
        """Takes the rate that is never exceeded, and with which it begins."""
        self.most = self.packets_a_second = most_packets_a_second
        self._shortest_s: dict[str, float] = {}
        self._queued_s: deque[float] = deque(maxlen=self.WINDOW)
        self._lost = 0.0
        self._answers, self._losses = 0, 0
        self._halved_s = 0.0
        self._second, self._sent, self._sent_before = 0, 0, 0

    def sent(self, count: int) -> None:
        """So many packets leave now."""
        second = int(time.monotonic())
        if second != self._second:
            self._sent_before = self._sent if second == self._second + 1 else 0
            self._second, self._sent = second, 0
        self._sent += count

    def answered(self, count: int) -> None:
        """So many packets were answered."""
        self._answers += count
        self._lost = max(-self.CREDIT, self._lost - count * self.LOST_SHARE)
        self.packets_a_second = min(self.most, self.packets_a_second + count * self.most / self.STEPS)

    def heard(self, address: str, round_trip_s: float) -> None:
        """An answer came after so many seconds."""
        shortest_s = self._shortest_s[address] = min(round_trip_s, self._shortest_s.get(address, round_trip_s))
        if time.monotonic() - round_trip_s < self._halved_s:
            return
        self._queued_s.append(round_trip_s - shortest_s)
        if len(self._queued_s) == self.WINDOW and statistics.median(self._queued_s) > self.QUEUE_S:
            self._halve()

    def lost(self, moment_s: float | None = None) -> None:
        """A packet, or the answer to it, got lost at that moment (monotonic; None is now)."""
        self._losses += 1
        if moment_s is not None and moment_s < self._halved_s:
            return
        self._lost += 1
        if self._lost > self.LOST_SHARE * self.WINDOW + 1:
            self._halve()

    @property
    def repeats(self) -> int:
        """How often silence is worth asking again: once on a good line, more often the more packets get lost."""
        if self._losses < 2:
            return 1
        share = min(0.5, self._losses / (self._losses + self._answers))
        return max(1, min(self.MOST_REPEATS, math.ceil(math.log(self.MISSED) / math.log(share)) - 1))

    def _halve(self) -> None:
        # Half of what really left: a rate that nobody used up says nothing of the line.
        used = min(self.packets_a_second, max(self._sent, self._sent_before) or self.packets_a_second)
        self.packets_a_second = max(min(self.LEAST_PACKETS_A_SECOND, self.most), used / 2)
        self._queued_s.clear()
        self._lost = 0.0
        self._halved_s = time.monotonic()


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
        self.turns.gap_s = (1 + LATENESS_S) / manners.host_packets_a_second
        self.requests_apart.gap_s = manners.request_gap_s
        self.connections = Places(manners.host_connections)


class PoliteKeeper:
    """Keeps the pace of one run: one budget a host over sweep, probes and follow-ups together, one for the run."""

    def __init__(self, manners: Manners = NORMAL) -> None:
        """Takes the manners that hold for every host that is not known to be fragile."""
        self.manners = manners
        self.link = Link(manners.run_packets_a_second)
        # How many packets each address was sent.
        self.sent: Counter[str] = Counter()
        self._run = Turns(1 / manners.run_packets_a_second)
        self._hosts: dict[str, _Host] = {}

    def be_gentle_to(self, address: str) -> None:
        """Ask this host less from now on; what is in flight ends first."""
        host = self._host(address)
        if host.manners.host_packets_a_second > GENTLE.host_packets_a_second:
            host.treat_with(GENTLE)

    async def packet(self, address: str, count: int = 1, *, is_talk: bool = False) -> None:
        """Wait until one more new packet, or `count` of them, may go to the host; talk goes before the sweep.

        What a device says may tell that it is fragile, and the sooner that is known the less it is asked.
        """
        # The host's turn ends after the run's, so that a full run never bunches what one host gets.
        async with self._host(address).turns.hold(count, is_pressing=is_talk):
            await self._run.take(count)
        self.link.sent(count)
        self.sent[address] += count

    def answered(self, address: str, count: int) -> None:
        """The host answered to so many packets."""
        self.link.answered(count)
        self._run.gap_s = 1 / self.link.packets_a_second

    def heard(self, address: str, round_trip_s: float) -> None:
        """The host answered after so many seconds."""
        self.link.heard(address, max(0.0, round_trip_s - 2 * self._run.late_s))
        self._run.gap_s = 1 / self.link.packets_a_second

    def lost(self, address: str, moment_s: float | None = None) -> None:
        """A packet to the host, or its answer, got lost at that moment: the repetition was answered."""
        self.link.lost(moment_s)
        self._run.gap_s = 1 / self.link.packets_a_second

    def repeats(self) -> int:
        """How often a host that answers is asked again on a port that was silent."""
        return self.link.repeats

    def burst(self, address: str) -> int:
        """How many packets may go to the host in one turn: one, but for manners that know no haste too great."""
        return max(1, int(self._host(address).manners.host_packets_a_second * BURST_S))

    def lot(self, address: str) -> int:
        """How many packets to the host are worth a turn of their own, where somebody else spaces them out."""
        a_turn = self.manners.run_packets_a_second * TURN_S
        return max(1, int(min(a_turn, LOT_S / self.gap_s(address))))

    def gap_s(self, address: str) -> float:
        """The least time between two new packets to the host, as things stand."""
        return self._host(address).turns.gap_s

    @contextlib.asynccontextmanager
    async def connection(self, address: str, *, is_brief: bool = False) -> AsyncIterator[None]:
        """Hold one of the host's connections; a brief one goes before the others."""
        async with self._host(address).connections.hold(is_brief=is_brief):
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
