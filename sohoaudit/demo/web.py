"""A web server as small devices have it: a table of pages, one request a connection, and an eye for bad manners."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from socket import socket

from ..model import Transport
from .certificates import server_context
from .doors import GuestBook, Request, open_tcp, streams

# Old CPE web servers fall over beyond these (GoAhead 2, Boa, RomPager 4.07).
PATH_LIMIT_BYTES = 128
HEAD_LIMIT_BYTES = 1_024
BODY_LIMIT_BYTES = 8_192

# Long enough that two requests at once are seen as such, short enough for a demo.
THINKING_TIME_S = 0.01


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: the body as text, and what stands in the head besides the server's own lines."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a TLS server says it is, and from when to when (ISO 8601 with a zone)."""

    organization: str
    common_name: str
    not_before: str = "2019-01-01T00:00+00:00"
    not_after: str = "2039-01-01T00:00+00:00"


Answer = Page | Callable[[Request, GuestBook], Page]


@dataclass(frozen=True, slots=True)
class Web:
    """Pages by method and path ("GET /", query included); the rest is 404, or `otherwise` where given."""

    port: int
    pages: Mapping[str, Answer]
    server: str | None = None
    certificate: Certificate | None = None
    otherwise: Page = Page("<html><head><title>404 Not Found</title></head><body>Not Found</body></html>", 404)
    outside: int | None = None
    transport: Transport = Transport.TCP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve the pages until the shelf closes; returns the loopback port."""
        shown = self.certificate
        tls = (
            server_context(shown.organization, shown.common_name, shown.not_before, shown.not_after) if shown else None
        )

        async def serve(visitor: socket) -> None:
            async with streams(visitor, tls) as (reader, writer), asyncio.timeout(30):
                request = await self._read(reader, book)
                with book.request(request):
                    await asyncio.sleep(THINKING_TIME_S)
                    writer.write(self._head_and_body(request, self._page(request, book)))
                    await writer.drain()

        return await open_tcp(serve, book, shelf)

    async def _read(self, reader: asyncio.StreamReader, book: GuestBook) -> Request:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = min(int(headers.get("content-length", "0")), BODY_LIMIT_BYTES)
        body = await reader.readexactly(length)
        if len(head) > HEAD_LIMIT_BYTES:
            book.complain(self.port, f"{len(head)} bytes of headers")
        if len(path) > PATH_LIMIT_BYTES:
            book.complain(self.port, f"a path of {len(path)} bytes")
        for name in ("authorization", "cookie", "transfer-encoding", "range", "upgrade"):
            if name in headers:
                book.complain(self.port, f"a header {name}")
        if method not in ("GET", "HEAD") and f"{method} {path}" not in self.pages:
            book.complain(self.port, f"{method} {path}")
        return Request(asyncio.get_running_loop().time(), self.port, method, path, headers, body)

    def _page(self, request: Request, book: GuestBook) -> Page:
        method = "GET" if request.method == "HEAD" else request.method
        answer = self.pages.get(f"{method} {request.path}", self.otherwise)
        return answer if isinstance(answer, Page) else answer(request, book)

    def _head_and_body(self, request: Request, page: Page) -> bytes:
        body = page.body.encode()
        head = [f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}"]
        if self.server is not None:
            head.append(f"Server: {self.server}")
        head += [f"{name}: {value}" for name, value in page.headers.items()]
        head += [f"Content-Type: {page.content_type}", f"Content-Length: {len(body)}", "Connection: close", "", ""]
        return "\r\n".join(head).encode("latin-1") + (b"" if request.method == "HEAD" else body)
