"""The faults of a half broken device: it drips, it garbles its head, it never ends its TLS hello."""

import asyncio
import contextlib
from dataclasses import dataclass
from enum import Enum
from socket import socket

from ..model import Transport
from .doors import GuestBook, open_tcp, streams


class Fault(Enum):
    """What goes wrong on one port."""

    DRIPS = "one byte every half second, and no end"
    GARBLES = "a head that is no HTTP, with NUL, escapes and no end of line"
    HANGS = "takes the TLS hello and says nothing"


@dataclass(frozen=True, slots=True)
class Broken:
    """One port with one fault."""

    port: int
    fault: Fault
    outside: int | None = None
    transport: Transport = Transport.TCP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Misbehave until the shelf closes; returns the loopback port."""

        async def serve(visitor: socket) -> None:
            async with streams(visitor) as (reader, writer), asyncio.timeout(120):
                if self.fault is Fault.HANGS:
                    while await reader.read(4_096):
                        pass
                elif self.fault is Fault.GARBLES:
                    await reader.read(4_096)
                    writer.write(b"HTTP/1.1 0x200 \x00\x1b[31mOK\rServer\r\n: \xff\xfe\r\nContent-Length: -1\r\n<scr")
                else:
                    await self._drip(writer)

        return await open_tcp(serve, book, shelf)

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.0 200 OK\r\nX-Padding: " + b"a" * 200:
            if writer.is_closing():
                return
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.5)
