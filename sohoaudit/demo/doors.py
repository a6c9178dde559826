"""Opens the loopback ports behind which the devices sit, and writes down how the visitors behaved."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from socket import socket
from typing import Protocol, cast

from ..model import Transport

LOOPBACK = "127.0.0.1"

# A visitor that hangs up, says too little or too much is no fault of the device.
VISITORS_FAULTS = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it came; `at_s` is the loop's clock, header names are in lower case."""

    at_s: float
    port: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(slots=True)
class GuestBook:
    """What one address saw of its visitors; ports are the devices' own.

    `complaints` are breaches of the manners that a careful guest keeps.
    """

    connections: int = 0
    datagrams: int = 0
    most_connections: int = 0
    most_requests: Counter[int] = field(default_factory=Counter)
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _open: int = 0
    _in_flight: Counter[int] = field(default_factory=Counter)

    @contextlib.contextmanager
    def connection(self) -> Iterator[None]:
        """Count one TCP connection for as long as the block lasts."""
        self.connections += 1
        self._open += 1
        self.most_connections = max(self.most_connections, self._open)
        try:
            yield
        finally:
            self._open -= 1

    @contextlib.contextmanager
    def request(self, request: Request) -> Iterator[None]:
        """Write down one request, in flight for as long as the block lasts."""
        self.requests.append(request)
        port = request.port
        self._in_flight[port] += 1
        self.most_requests[port] = max(self.most_requests[port], self._in_flight[port])
        if self._in_flight[port] > 1:
            self.complain(port, f"{self._in_flight[port]} requests at once")
        try:
            yield
        finally:
            self._in_flight[port] -= 1

    def complain(self, port: int, about: str) -> None:
        """Write down a breach of manners."""
        self.complaints.append(f"port {port}: {about}")


class Service(Protocol):
    """One thing a device offers: at `port` inside, and at `outside` of the office's public address where not None."""

    @property
    def port(self) -> int:
        """The port on the device's own address."""

    @property
    def outside(self) -> int | None:
        """The port on the public address, or None where the internet cannot reach it."""

    @property
    def transport(self) -> Transport:
        """TCP or UDP."""

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Start to serve on loopback until the shelf closes; returns the loopback port."""


async def open_tcp(
    serve: Callable[[socket], Awaitable[None]], book: GuestBook, shelf: contextlib.AsyncExitStack
) -> int:
    """Listen on a free loopback port and hand each connection to `serve`; the shelf ends all of it."""
    loop = asyncio.get_running_loop()
    listener = shelf.enter_context(socket())
    listener.setblocking(False)
    listener.bind((LOOPBACK, 0))
    listener.listen(128)
    tasks: set[asyncio.Task[None]] = set()

    async def host(visitor: socket) -> None:
        with book.connection(), visitor, contextlib.suppress(*VISITORS_FAULTS):
            await serve(visitor)

    async def accept() -> None:
        while True:
            visitor, _ = await loop.sock_accept(listener)
            task = asyncio.create_task(host(visitor))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def close() -> None:
        ending = [door, *tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    door = asyncio.create_task(accept())
    shelf.push_async_callback(close)
    return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def streams(
    visitor: socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The two halves of a connection, after the TLS handshake where there is one; hung up when the block ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=16_384)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, visitor, ssl=tls, ssl_handshake_timeout=10 if tls else None
    )
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        yield reader, writer
        with contextlib.suppress(OSError):
            await writer.drain()
            writer.close()
            async with asyncio.timeout(2):
                await writer.wait_closed()
    finally:
        transport.abort()


async def open_udp(answer: Callable[[bytes], bytes | None], book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
    """Answer datagrams on a free loopback port with what `answer` makes of them; None is silence."""

    class Responder(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            # On 3.11 a loop's own datagram transport is no instance of the class that describes it.
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            book.datagrams += 1
            reply = answer(data)
            if reply is not None:
                self.transport.sendto(reply, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Responder, (LOOPBACK, 0))

    async def close() -> None:
        transport.close()
        # The socket is closed one turn of the loop later.
        await asyncio.sleep(0)

    shelf.push_async_callback(close)
    return int(transport.get_extra_info("sockname")[1])
