"""Servers that speak first or only listen: FTP's greeting, RTSP's head, and a print port that must hear nothing."""

import contextlib
from dataclasses import dataclass
from socket import socket

from ..model import Transport
from .doors import GuestBook, open_tcp, streams


@dataclass(frozen=True, slots=True)
class Greeting:
    """Says `text` and waits to be left; a single byte from the visitor is a complaint."""

    port: int
    text: str = ""
    outside: int | None = None
    transport: Transport = Transport.TCP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""

        async def serve(visitor: socket) -> None:
            async with streams(visitor) as (reader, writer):
                writer.write(self.text.encode("latin-1"))
                heard = await reader.read(1_024)
                if heard:
                    book.complain(self.port, f"{len(heard)} bytes to a port that only wants to be read")

        return await open_tcp(serve, book, shelf)


@dataclass(frozen=True, slots=True)
class Rtsp:
    """Answers OPTIONS (RFC 2326, section 10.1) and asks everything else for a password."""

    port: int
    server: str
    realm: str
    outside: int | None = None
    transport: Transport = Transport.TCP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""

        async def serve(visitor: socket) -> None:
            async with streams(visitor) as (reader, writer):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    writer.write(self._answer(head, book).encode("latin-1"))
                    await writer.drain()

        return await open_tcp(serve, book, shelf)

    def _answer(self, head: str, book: GuestBook) -> str:
        first, *lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "authorization" in headers:
            book.complain(self.port, "a header authorization")
        if first.startswith("OPTIONS "):
            status, extra = "200 OK", "Public: OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY"
        else:
            status, extra = "401 Unauthorized", f'WWW-Authenticate: Digest realm="{self.realm}", nonce="0"'
        return f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '1')}\r\nServer: {self.server}\r\n{extra}\r\n\r\n"
