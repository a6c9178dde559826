"""Asks TCP ports by single SYN packets of the raw helper, once it is proven that their answers are seen here."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ..dialer import Dialer
from ..model import Endpoint
from . import Ports, State
from .connect import Connect, timeout_s
from .raw_client import Raw

PROOF_TRIES = 2
ASKED_BEFORE_PROOF, PROOF_WITHIN_S = 16, 2.0
BURST = 4_096
# A helper that did not send for so long, for want of a MAC or of a turn, will not.
SENT_WITHIN_S = 3.0


class Syn:
    """SYN packets where the helper lives and is proven, ordinary connections everywhere else.

    The first port that a connection finds open is asked by SYN as well. Only where that answers too is the helper
    believed: a firewall of this machine, or a virtual switch, may swallow what no connection of the kernel expects.
    """

    def __init__(self, raw: Raw) -> None:
        """Takes a running helper."""
        self._raw = raw
        self._connect = Connect()
        self._proof = asyncio.Lock()
        self._is_proven: bool | None = None
        self._is_decided = asyncio.Event()
        self._asked, self._began = 0, 0.0

    def lot(self, address: str, dialer: Dialer) -> int:
        """Many at once only where SYN packets carry them."""
        return min(BURST, dialer.pace.burst(address)) if self._is_raw(address) else 1

    @property
    def name(self) -> str:
        """What was really done, for the report."""
        return (
            "syn" if self._is_proven and not self._raw.fault else "syn, then connect" if self._is_proven else "connect"
        )

    @property
    def fault(self) -> str | None:
        """Why not all was asked by SYN, or None where it was, or where nothing open was there to prove it by."""
        if self._raw.fault:
            return f"the raw helper stopped ({self._raw.fault}); the rest was asked by ordinary connections"
        if self._is_proven is False:
            return "answers to raw packets are not seen here; all was asked by ordinary connections"
        return None

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        """As `Way`."""
        await self._wait_for_proof()
        ask = self._ask_raw if self._is_raw(address) else self._ask_by_connection
        async with aclosing(ask(address, ports, dialer)) as answers:
            async for port in answers:
                yield port

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

    def _is_raw(self, address: str) -> bool:
        return self._is_proven is True and self._raw.can_ask(address)

    async def _ask_by_connection(
        self, address: str, ports: Sequence[int], dialer: Dialer
    ) -> AsyncGenerator[Ports, None]:
        async with aclosing(self._connect.ask(address, ports, dialer)) as answers:
            async for port in answers:
                if port.state is State.OPEN and self._is_proven is None and self._raw.can_ask(address):
                    await self._prove(port.endpoint, dialer)
                yield port

    async def _ask_raw(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        admitted = await dialer.admit(address, ports)
        for port in set(ports).difference(admitted):
            yield Ports(address, State.SILENT, (port,))
        clock = asyncio.get_running_loop().time
        began = heard = clock()
        question = await self._raw.ask(address, admitted)
        try:
            while question.pending and not self._raw.is_over:
                try:
                    async with asyncio.timeout_at(
                        heard + (timeout_s(dialer, address) if question.is_sent else SENT_WITHIN_S)
                    ):
                        await question.news.wait()
                except TimeoutError:
                    break
                question.news.clear()
                if question.answers and heard == began:
                    # Not told to the link: two processes of ours stand between the wire and this clock.
                    known = dialer.round_trips_s.get(address, clock() - began)
                    dialer.round_trips_s[address] = 0.75 * known + 0.25 * (clock() - began)
                heard = clock()
                answers, question.answers = question.answers, []
                for port, state in answers:
                    yield Ports(address, state, (port,))
        finally:
            left = sorted(question.pending)
            self._raw.forget(address, question)
        if not self._raw.is_over:
            for port in left:
                yield Ports(address, State.SILENT, (port,))
            return
        async with aclosing(self._connect.ask(address, left, dialer)) as answers_again:
            async for again in answers_again:
                yield again

    async def _prove(self, known_open: Endpoint, dialer: Dialer) -> None:
        async with self._proof:
            for _ in range(PROOF_TRIES):
                if self._is_proven or self._raw.is_over:
                    break
                async with aclosing(self._ask_raw(known_open.address, [known_open.port], dialer)) as answers:
                    self._is_proven = any([port.state is State.OPEN async for port in answers]) or None
            if self._is_proven is None and not self._raw.is_over:
                self._is_proven = False
            self._is_decided.set()
