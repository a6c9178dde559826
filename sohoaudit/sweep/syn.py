"""Asks TCP ports by single SYN packets of the raw helper, once it is proven that their answers are seen here."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from itertools import compress

from ..dialer import Dialer
from ..model import Endpoint
from . import ASKED_AGAIN, WHOLE_HOST, Ports, State
from .connect import Connect, timeout_s
from .job import CLOSED, OPEN
from .raw_client import Question, Raw

PROOF_TRIES = 2
ASKED_BEFORE_PROOF, PROOF_WITHIN_S = 16, 2.0
# Once so many hosts have answered, silence lasts for a stranger four times as long as for the slowest of them.
HOSTS_THAT_TELL, SHORTEST_TIMEOUT_S = 8, 0.3
SURVEYED_AT_ONCE = 8_192
_IS_CLOSED = bytes(state == CLOSED for state in range(256))
_IS_SILENT = bytes(state not in (CLOSED, OPEN) for state in range(256))


class Syn:
    """SYN packets where the helper lives and is proven, ordinary connections everywhere else.

    The first port that a connection finds open is asked by SYN as well. Only where that answers too is the helper
    believed: a firewall of this machine, or a virtual switch, may swallow what no connection of the kernel expects.
    Where the pace knows no limit SYN packets go first, and connections look after what stayed silent until then.
    """

    def __init__(self, raw: Raw) -> None:
        """Takes a running helper."""
        self._raw = raw
        self._connect = Connect()
        self._proof = asyncio.Lock()
        self._is_proven: bool | None = None
        self._is_decided = asyncio.Event()
        self._is_used = False
        self._asked, self._began = 0, 0.0
        self._heard: set[str] = set()
        self._slowest_s = 0.0

    @property
    def name(self) -> str:
        """What was really done, for the report."""
        if not self._is_used or self._is_proven is False:
            return "connect"
        return "syn, then connect" if self._raw.fault else "syn"

    @property
    def fault(self) -> str | None:
        """Why not all was asked by SYN, or None where it was, or where nothing open was there to prove it by."""
        if self._raw.fault:
            return f"the raw helper stopped ({self._raw.fault}); the rest was asked by ordinary connections"
        if self._is_proven is False:
            return "answers to raw packets are not seen here; all was asked by ordinary connections"
        return None

    def lot(self, address: str, dialer: Dialer) -> int:
        """Several where SYN packets carry them, which the helper spaces out; all of a host where there is no limit."""
        if self._is_proven is False or not self._raw.can_ask(address):
            return 1
        if _has_no_limit(address, dialer):
            return WHOLE_HOST
        if self._is_proven is None and self._asked < ASKED_BEFORE_PROOF:
            return 1
        return dialer.pace.lot(address)

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """As `Way`."""
        is_whole = _has_no_limit(address, dialer)
        if not is_whole:
            await self._wait_for_proof()
        is_raw = self._raw.can_ask(address) and (self._is_proven or (self._is_proven is None and is_whole))
        ask = self._ask_raw if is_raw else self._ask_by_connection
        async with aclosing(ask(address, ports, dialer)) as answers:
            async for heard in answers:
                yield heard

    async def _wait_for_proof(self) -> None:
        """Let the first questions go, and hold those behind them for a moment: the proof stands behind none of them."""
        if self._is_proven is not None:
            return
        clock = asyncio.get_running_loop().time
        self._asked += 1
        self._began = self._began or clock()
        if self._asked > ASKED_BEFORE_PROOF:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._began + PROOF_WITHIN_S):
                    await self._is_decided.wait()

    async def _ask_by_connection(
        self, address: str, ports: Sequence[int], dialer: Dialer
    ) -> AsyncGenerator[Ports, None]:
        async with aclosing(self._connect.ask(address, ports, dialer)) as answers:
            async for heard in answers:
                if heard.state is State.OPEN and self._is_proven is None and self._raw.can_ask(address):
                    await self._prove(heard.endpoint, dialer)
                yield heard

    async def _ask_raw(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """SYN to each; what stays unknown since the helper died, or silent before it is proven, by connections."""
        left = set(ports)
        silent: list[int] = []
        async with aclosing(self._syn(address, ports, dialer)) as answers:
            async for heard in answers:
                left.difference_update(heard.numbers)
                if heard.state is State.SILENT and self._is_proven is None:
                    silent.extend(heard.numbers)
                else:
                    yield heard
        if not left and not silent:
            return
        likely, others = (sorted(left), silent) if left else (silent[:ASKED_AGAIN], silent[ASKED_AGAIN:])
        async with aclosing(self._ask_by_connection(address, likely, dialer)) as again:
            async for heard in again:
                yield heard
        if others and self._is_proven is not False:
            yield Ports(address, State.SILENT, others)
        elif others:
            async with aclosing(self._connect.ask(address, others, dialer)) as rest:
                async for heard in rest:
                    yield heard

    async def _syn(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """SYN to each port; yields open ones as they answer, the others at the end, and nothing of what is unknown."""
        admitted = await dialer.admit(address, ports)
        if len(admitted) < len(ports):
            yield Ports(address, State.SILENT, sorted(set(ports).difference(admitted)))
        if not admitted:
            return
        self._is_used = True
        is_whole = _has_no_limit(address, dialer)
        gap_s, wait_s = (0.0, 0.0) if is_whole else (dialer.pace.gap_s(address), self._wait_s(address, dialer))
        question = await self._raw.ask([int(ipaddress.IPv4Address(address))], admitted, gap_s, wait_s)
        async with aclosing(self._opened(question)) as opened:
            async for place in opened:
                yield Ports(address, State.OPEN, (admitted[place],))
        if question.states is None:
            return
        if question.round_trip_s:
            self._learn(address, question.round_trip_s, dialer)
        for state, is_such in ((State.CLOSED, _IS_CLOSED), (State.SILENT, _IS_SILENT)):
            if numbers := list(compress(admitted, question.states.translate(is_such))):
                yield Ports(address, state, numbers)

    async def survey(
        self, network: ipaddress.IPv4Network, ports: Sequence[int], dialer: Dialer
    ) -> AsyncGenerator[Endpoint, None]:
        """Ask some ports of every address of a network at once, and yield the open ones; silence tells nothing here.

        For paces without a limit. The scope is checked address by address where it counts, in the helper.

        Raises:
            ValueError: the pace has a limit, which goes by hosts.
        """
        if not _has_no_limit(str(network[0]), dialer):
            raise ValueError(f"{network}: a survey is no way to ask at this pace")
        first, last = int(network[0]), int(network[-1])
        lots = [
            range(start, min(last + 1, start + SURVEYED_AT_ONCE)) for start in range(first, last + 1, SURVEYED_AT_ONCE)
        ]
        questions = [(lot, await self._raw.ask(lot, ports, 0, 0)) for lot in lots]
        self._is_used = True
        for lot, question in questions:
            async for place in self._opened(question):
                host, port = divmod(place, len(ports))
                yield Endpoint(str(ipaddress.IPv4Address(lot[host])), ports[port])

    async def _opened(self, question: Question) -> AsyncGenerator[int, None]:
        """The places of open ports as they are found, until all is known or the helper is gone."""
        try:
            while True:
                found, question.found = question.found, []
                for place in found:
                    self._believe()
                    yield place
                if question.states is not None or self._raw.is_over:
                    return
                await question.news.wait()
                question.news.clear()
        finally:
            self._raw.forget(question)

    def _believe(self) -> None:
        if self._is_proven is None:
            self._is_proven = True
            self._is_decided.set()

    def _learn(self, address: str, seconds: float, dialer: Dialer) -> None:
        """Note a round trip; not told to the link, which goes by what ordinary connections take."""
        known = dialer.round_trips_s.get(address, seconds)
        dialer.round_trips_s[address] = 0.75 * known + 0.25 * seconds
        self._heard.add(address)
        self._slowest_s = max(self._slowest_s, seconds)

    def _wait_s(self, address: str, dialer: Dialer) -> float:
        """How long silence of this host is waited for."""
        known = timeout_s(dialer, address)
        if address in dialer.round_trips_s or len(self._heard) < HOSTS_THAT_TELL:
            return known
        return min(known, max(SHORTEST_TIMEOUT_S, 4 * self._slowest_s + 0.1))

    async def _prove(self, known_open: Endpoint, dialer: Dialer) -> None:
        async with self._proof:
            for _ in range(PROOF_TRIES):
                if self._is_proven or self._raw.is_over:
                    break
                async with aclosing(self._syn(known_open.address, [known_open.port], dialer)) as answers:
                    async for _ in answers:
                        pass
            if self._is_proven is None and not self._raw.is_over:
                self._is_proven = False
            self._is_decided.set()


def _has_no_limit(address: str, dialer: Dialer) -> bool:
    """Whether the pace knows no haste too great for the host: `lab`."""
    return dialer.pace.burst(address) > 1
