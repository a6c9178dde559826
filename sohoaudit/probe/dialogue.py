"""Speaks with one endpoint at a time: bounded in bytes and in time, one request in flight, spaced by the pace."""

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ..dialer import Connection, Dialer
from ..model import Endpoint
from .discretion import own_key

_CONTINUES = re.compile(rb"(?:^|\n)\d{3}-[^\n]{0,4096}\n$")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the questions may use.

    `communities` are the SNMP communities to try, in order; nothing else is tried. `key` makes the keyed hashes of
    `discretion`: the same key joins the two faces of a box over several runs, another key unjoins them. Both waits
    are seconds; `read_s` counts for a whole answer, so that a device that drips is cut off.
    """

    communities: tuple[str, ...] = ("public",)
    key: bytes = field(default_factory=own_key, repr=False)
    connect_s: float = 5.0
    read_s: float = 8.0
    datagram_s: float = 2.0


class Dialogue:
    """The questions of one audit; remembers for each endpoint what worked and who kept silent.

    What is asked over TCP counts as a request of the host. A greeting that is only listened to, and a datagram, do
    not: they are held back by the pace of packets and connections, and by one turn an endpoint.
    """

    def __init__(self, dialer: Dialer, settings: Settings | None = None) -> None:
        """Takes the door and what the questions may use."""
        self.dialer = dialer
        self.settings = settings or Settings()
        self.secure: dict[Endpoint, bool] = {}
        self.silent: set[Endpoint] = set()
        self.communities: dict[str, tuple[str, int]] = {}
        self._turns: dict[Endpoint, asyncio.Lock] = defaultdict(asyncio.Lock)

    @contextlib.asynccontextmanager
    async def open(self, endpoint: Endpoint) -> AsyncIterator[Connection]:
        """A connection for one request, in its turn.

        Raises:
            OSError: the connection was refused, timed out or left the scope (`Dialer.connect`).
            BudgetSpent: the host was asked enough.
        """
        async with self.turn(endpoint), self.reopen(endpoint) as connection:
            yield connection

    def turn(self, endpoint: Endpoint) -> contextlib.AbstractAsyncContextManager[None]:
        """The right to ask one request now; a caller that asks many short ones holds it and calls `reopen`."""
        return self.dialer.pace.request(endpoint)

    def reopen(self, endpoint: Endpoint) -> contextlib.AbstractAsyncContextManager[Connection]:
        """A connection inside a turn that the caller holds."""
        return self.dialer.open(endpoint, self.settings.connect_s)

    async def listen(self, endpoint: Endpoint, limit_bytes: int, timeout_s: float, until: bytes | None = None) -> bytes:
        """Connect, send nothing, and read what is said; empty where nothing was. Raises OSError as `open`."""
        async with self._turns[endpoint], self.reopen(endpoint) as connection:
            return await self._heard(connection, limit_bytes, timeout_s, until)

    async def read_lines(self, endpoint: Endpoint, limit_bytes: int, timeout_s: float) -> str:
        """The greeting that a server sends unasked: one line, or all lines of a reply such as `220-… 220 …`.

        Raises:
            OSError: as `open`.
        """
        async with self._turns[endpoint], self.reopen(endpoint) as connection:
            ends_s = asyncio.get_running_loop().time() + timeout_s
            said = more = await self._heard(connection, limit_bytes, timeout_s, b"\n")
            while more and _CONTINUES.search(said) and len(said) < limit_bytes:
                left_s = ends_s - asyncio.get_running_loop().time()
                more = await connection.read(limit_bytes - len(said), left_s, until=b"\n")
                said += more
        return readable(said)

    async def exchange(
        self, endpoint: Endpoint, question: bytes, limit_bytes: int, timeout_s: float, until: bytes | None = None
    ) -> bytes:
        """Send one question over a new connection and read the answer; empty where none came.

        Raises:
            OSError: as `open`.
            BudgetSpent: the host was asked enough.
        """
        async with self.open(endpoint) as connection:
            await self.dialer.pace.gap(endpoint.address)
            # Who hangs up while we speak may have answered before.
            with contextlib.suppress(OSError):
                await connection.send(question)
            return await self._heard(connection, limit_bytes, timeout_s, until)

    async def ask(
        self,
        endpoint: Endpoint,
        question: bytes,
        timeout_s: float | None = None,
        *,
        source_port: int = 0,
        from_any_port: bool = False,
    ) -> bytes | None:
        """Send one datagram and return the first answer, or None where none came in time; see `Dialer.ask`.

        Raises:
            OutOfScope: the scope does not hold the address.
            ConnectionRefusedError: the host says that nothing listens there.
        """
        async with self._turns[endpoint]:
            wait_s = timeout_s or self.settings.datagram_s
            answer = await self.dialer.ask(
                endpoint, question, wait_s, source_port=source_port, from_any_port=from_any_port
            )
        self.note(endpoint, answer is None)
        return answer

    async def _heard(self, connection: Connection, limit_bytes: int, timeout_s: float, until: bytes | None) -> bytes:
        said = await connection.read(limit_bytes, timeout_s, until=until)
        self.note(connection.endpoint, not said and not connection.reader.at_eof())
        return said

    def note(self, endpoint: Endpoint, is_silent: bool) -> None:
        """Remember whether the endpoint let the last question go unanswered, so that no second one waits in vain."""
        (self.silent.add if is_silent else self.silent.discard)(endpoint)


def readable(data: bytes) -> str:
    """Bytes of a device as text: UTF-8 where it is, else Latin-1, which takes any byte."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
