"""The one door through which every packet leaves: it refuses what the scope does not hold, and keeps the pace."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from typing import Protocol

from .knowledge.ports import harmful_ports
from .model import Endpoint, Scope, Transport

DATAGRAM_LIMIT_BYTES = 8_192
EVERYBODY6 = "ff02::1"  # all nodes of the link (RFC 4291, section 2.7.1)
# Type 128, code 0; the kernel fills in checksum and identifier.
_ECHO_REQUEST, _ECHO_REPLY = bytes((128, 0, 0, 0, 0, 0, 0, 1)) + b"sohoaudit", b"\x81"


class OutOfScope(PermissionError):
    """Something asked for an address that the scope does not hold; nothing was sent."""

    def __init__(self, address: str) -> None:
        """Names the address that was refused."""
        super().__init__(errno.EACCES, f"{address} is outside the scope: nothing was sent")
        self.address = address


class Harmful(OutOfScope):
    """Something asked for a port on which devices print, stop or break whatever they hear; nothing was sent."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Names the endpoint that was refused."""
        PermissionError.__init__(self, errno.EACCES, f"{endpoint} may do harm when spoken to: nothing was sent")
        self.address = endpoint.address


class BudgetSpent(Exception):
    """The host was asked as much as one audit may ask it; the rest of the questions stay unasked."""


class Pace(Protocol):
    """The manners that the door keeps; `sweep/pace.py` has the real one."""

    async def packet(self, address: str, count: int = 1, *, is_talk: bool = False) -> None:
        """Wait until one more new packet, or `count` of them, may be sent to the host; talk goes before the sweep."""

    def burst(self, address: str) -> int:
        """How many packets may go to the host in one turn."""

    def lot(self, address: str) -> int:
        """How many packets to the host are worth a turn of their own, where the raw helper spaces them out."""

    def gap_s(self, address: str) -> float:
        """The least time between two new packets to the host, as things stand."""

    def answered(self, address: str, count: int) -> None:
        """The host answered to so many packets of a sweep."""

    def heard(self, address: str, round_trip_s: float) -> None:
        """The host answered after so many seconds."""

    def lost(self, address: str, moment_s: float | None = None) -> None:
        """A packet to the host, or its answer, got lost on the way, at that moment (monotonic; None is now)."""

    def repeats(self) -> int:
        """How often a host that answers is asked again on a port that was silent."""

    def be_gentle_to(self, address: str) -> None:
        """Ask this host less from now on."""

    def connection(self, address: str, *, is_brief: bool = False) -> contextlib.AbstractAsyncContextManager[None]:
        """Hold one of the host's few connections; a brief one goes before the others."""

    def request(self, endpoint: Endpoint) -> contextlib.AbstractAsyncContextManager[None]:
        """Hold the one request that may be in flight at an endpoint; raises BudgetSpent where there were enough."""

    async def gap(self, address: str) -> None:
        """Wait until the next request may be sent to the host."""


class Neighbours(Protocol):
    """Who can ask the link itself for MACs: the raw helper, where there is one."""

    def can_resolve(self, address: str) -> bool:
        """Whether the address is on the link that it hears."""

    def resolve(self, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, str], None]:
        """Ask for each address and yield (address, MAC) as they answer."""


class Street(Protocol):
    """What lies behind the door: the real network, or the demo's table."""

    has_multicast: bool

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        """The address and port to dial for an endpoint; raises OSError where nothing can be there."""


class OpenStreet:
    """The real network: every endpoint is where it says."""

    has_multicast = True

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        """The endpoint itself."""
        return endpoint.address, endpoint.port


class Dialer:
    """Opens connections and sends datagrams, inside the scope and at the pace; knows what was sent to whom."""

    def __init__(
        self, scope: Scope, pace: Pace, street: Street | None = None, named_ports: Collection[int] = ()
    ) -> None:
        """Takes what may be touched, the manners, and what lies behind the door (default: the real network).

        Ports that do harm when spoken to stay shut, whoever asks, unless the user named them.
        """
        self.scope = scope
        self.shut = harmful_ports().difference(named_ports)
        self.pace = pace
        self.street = street or OpenStreet()
        self.round_trips_s: dict[str, float] = {}
        self.neighbours: Neighbours | None = None
        self._source_ports: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def admit(self, address: str, ports: Sequence[int]) -> list[int]:
        """Let a packet to each of the ports pass that the raw helper will send, and return when it is their turn.

        What the scope does not hold, and ports that do harm, are left out of the ports returned.
        """
        admitted = [port for port in ports if port not in self.shut] if self.scope.holds(address) else []
        if admitted:
            await self.pace.packet(address, len(admitted))
        return admitted

    async def connect(self, endpoint: Endpoint, timeout_s: float, *, is_talk: bool = False) -> socket.socket:
        """A connected, non-blocking TCP socket, which the caller closes; `is_talk` where something will be said.

        Raises:
            OutOfScope: the scope does not hold the address.
            ConnectionRefusedError: something is there, and the port is closed.
            TimeoutError: no answer in time.
            OSError: no route, no right, no descriptor left.
        """
        host, port = self._locate(endpoint)
        await self.pace.packet(endpoint.address, is_talk=is_talk)
        sock = _socket(host, socket.SOCK_STREAM)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().sock_connect(sock, (host, port))
        except ConnectionRefusedError:
            self.note_round_trip(endpoint.address, time.perf_counter() - started)
            sock.close()
            raise
        except BaseException:
            sock.close()
            raise
        self.note_round_trip(endpoint.address, time.perf_counter() - started)
        return sock

    @contextlib.asynccontextmanager
    async def open(self, endpoint: Endpoint, timeout_s: float) -> AsyncIterator["Connection"]:
        """A connection that holds one of the host's connection slots until the block ends.

        Raises:
            OSError: as `connect`.
        """
        async with self.pace.connection(endpoint.address):
            sock = await self.connect(endpoint, timeout_s, is_talk=True)
            try:
                reader, writer = await asyncio.open_connection(sock=sock)
            except BaseException:
                sock.close()
                raise
            connection = Connection(endpoint, reader, writer)
            try:
                yield connection
            finally:
                connection.close()

    async def ask(
        self,
        endpoint: Endpoint,
        question: bytes,
        timeout_s: float,
        *,
        source_port: int = 0,
        from_any_port: bool = False,
    ) -> bytes | None:
        """Send one datagram and return the first answer of that host, or None where none came in time.

        Answers of other hosts are not heard. A connected socket also hears an ICMP "port unreachable"; one that
        listens to any port of the host (some answer SSDP from another than they were asked on) does not.

        Args:
            endpoint: whom to ask.
            question: the datagram.
            timeout_s: how long to wait for the answer.
            source_port: the port some protocols want to be asked from; one host at a time.
            from_any_port: whether the answer may come from another port of the host.

        Raises:
            OutOfScope: the scope does not hold the address.
            ConnectionRefusedError: the host says that nothing listens there.
            OSError: no route, no right, the source port is taken, no descriptor left.
        """
        host, port = self._locate(endpoint)
        await self.pace.packet(endpoint.address)
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as turn:
            if source_port:
                await turn.enter_async_context(self._source_ports[source_port])
            sock = turn.enter_context(_socket(host, socket.SOCK_DGRAM))
            await _bind(sock, "::" if ":" in host else "0.0.0.0", source_port, timeout_s)  # noqa: S104 - told apart by host
            if not from_any_port:
                await loop.sock_connect(sock, (host, port))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await loop.sock_sendto(sock, question, (host, port))
                    while True:
                        answer, sender = await loop.sock_recvfrom(sock, DATAGRAM_LIMIT_BYTES)
                        if sender[0].split("%")[0] == host.split("%")[0]:
                            return answer
        return None

    async def multicast(
        self, group: str, port: int, question: bytes, wait_s: float, interface: str
    ) -> AsyncIterator[tuple[str, bytes]]:
        """Send one datagram to a link-local group and yield (address, answer) as they come, until `wait_s` is over.

        Answers from addresses outside the scope are dropped. `interface` is this machine's own IPv4 address there.

        Raises:
            OutOfScope: the group could reach further than this link's routers forward, or the street has none.
        """
        if not (self.street.has_multicast and ipaddress.ip_address(group).is_multicast):
            raise OutOfScope(group)
        loop = asyncio.get_running_loop()
        with _socket(group, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            sock.bind((interface, 0))
            await self.pace.packet(group)
            await loop.sock_sendto(sock, question, (group, port))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while True:
                        answer, sender = await loop.sock_recvfrom(sock, DATAGRAM_LIMIT_BYTES)
                        if self.scope.holds(sender[0]):
                            yield sender[0], answer

    async def echoes(self, interface: str, source: str, wait_s: float) -> AsyncIterator[str]:
        """Ask everybody on a link for one echo over IPv6 and yield the addresses that answer (RFC 4443, section 4.1).

        The question goes to ff02::1, which no router passes on, from an address of the prefix that is wanted, so that
        hosts answer from theirs. Answers from addresses outside the scope are dropped.

        Raises:
            OutOfScope: the street has no such link.
            OSError: the system lets no program ask for an echo, or the interface is gone.
        """
        if not self.street.has_multicast:
            raise OutOfScope(EVERYBODY6)
        loop = asyncio.get_running_loop()
        link = socket.if_nametoindex(interface)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6) as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
            sock.bind((source, 0))
            await self.pace.packet(EVERYBODY6)
            await loop.sock_sendto(sock, _ECHO_REQUEST, (EVERYBODY6, 0, 0, link))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    while True:
                        answer, sender = await loop.sock_recvfrom(sock, DATAGRAM_LIMIT_BYTES)
                        if answer[:1] == _ECHO_REPLY and self.scope.holds(sender[0]):
                            yield sender[0].split("%")[0]

    def _locate(self, endpoint: Endpoint) -> tuple[str, int]:
        if not self.scope.holds(endpoint.address):
            raise OutOfScope(endpoint.address)
        if endpoint.port in self.shut:
            raise Harmful(endpoint)
        return self.street.locate(endpoint)

    def note_round_trip(self, address: str, seconds: float) -> None:
        """Learn how far away the host is."""
        known = self.round_trips_s.get(address)
        self.pace.heard(address, seconds)
        self.round_trips_s[address] = seconds if known is None else 0.75 * known + 0.25 * seconds


class Connection:
    """One open TCP connection with reads that are bounded in bytes and in time."""

    def __init__(self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes the endpoint it leads to and the two halves of the stream."""
        self.endpoint = endpoint
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes, timeout_s: float = 5) -> None:
        """Send all of it, or raise TimeoutError."""
        self.writer.write(data)
        async with asyncio.timeout(timeout_s):
            await self.writer.drain()

    async def read(self, limit_bytes: int, timeout_s: float, *, until: bytes | None = None) -> bytes:
        """What arrives until the limit, the end, the time or the marker `until`, whichever comes first.

        A peer that drips a byte a second is cut off by `timeout_s`, which counts for the whole read.
        """
        parts = bytearray()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(timeout_s):
                while len(parts) < limit_bytes:
                    part = await self.reader.read(min(65_536, limit_bytes - len(parts)))
                    parts += part
                    if not part or (until is not None and until in parts):
                        break
        return bytes(parts)

    def close(self) -> None:
        """Hang up at once; nothing waits for the peer's goodbye."""
        transport = self.writer.transport
        # What is closed already is not closed again: the TLS transport of CPython then forgets what it would abort.
        if not transport.is_closing():
            self.writer.close()
        # A peer that never acknowledges the end would hold the socket open.
        transport.abort() if isinstance(transport, asyncio.WriteTransport) else None


async def _bind(sock: socket.socket, host: str, port: int, patience_s: float) -> None:
    """Take a source port, waiting while another door of ours, or another program, still asks from it."""
    ends_s = time.monotonic() + patience_s
    while True:
        try:
            return sock.bind((host, port))
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE or time.monotonic() > ends_s:
                raise
        await asyncio.sleep(0.1)


def _socket(host: str, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock


__all__ = ["BudgetSpent", "Connection", "Dialer", "Endpoint", "OpenStreet", "OutOfScope", "Pace", "Street", "Transport"]
