"""Devices that mean harm to whoever asks: each misbehaves in one way, on its own address, beside one that is fine."""

import asyncio
import functools
import gzip
import io
from collections.abc import Awaitable, Callable

from .office import FINE
from .parts import Datagram, Device, Greeter, Hostile, Mdns, Office, Page, Sip, Ssdp, Web

ELSEWHERE = "198.51.100.9"
BOMB_BYTES = 256 << 20
# A terminal's title and colours, a NUL, a right-to-left override, an element, and a template's own brackets.
NASTY = (
    "\x1b]0;owned\x07\x1b[31m\x00\u202egpj.exe\u2028<script>alert(1)</script>{{7*7}}'\"><img src=x onerror=alert(2)>"
)
_NASTY_LATIN = NASTY.encode().decode("latin-1")

_LAUGHS = '<?xml version="1.0"?><!DOCTYPE root [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 10)
) + "]><root><device><friendlyName>&a9;</friendlyName><manufacturer>&a9;</manufacturer></device></root>"  # fmt: skip

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A right answer, one byte a second, for ever."""
    await _send_slowly(writer, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"x" * 10_000)


async def drip_a_greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A greeting that never comes to its end of line."""
    await _send_slowly(writer, b"220 " + b"." * 10_000)


async def endless_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Header after header, as fast as they are taken."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await _flood(writer, b"X-More: " + b"a" * 1_000 + b"\r\n")


async def endless_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One line that has no end, as fast as it is taken."""
    await _flood(writer, b"220 SSH-2.0-" + b"A" * 4_096)


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A page that has no end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>")
    await _flood(writer, b"<p>" * 4_096)


async def gzip_bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A quarter of a megabyte that unpacks to a quarter of a gigabyte."""
    body = _bomb()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n")
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def huge_chunk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A chunk that claims to be 16 exabytes long."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")
    await _flood(writer, b"y" * 4_096)


async def endless_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A ServerHello announced with 16 KiB (RFC 8446 section 5.1), of which a byte a second comes."""
    await _send_slowly(writer, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + b"\0" * 10_000)


async def flooding_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """TLS alerts of the kind "warning", without end."""
    await _flood(writer, b"\x15\x03\x03\x00\x02\x01\x00" * 600)


BEHAVIOURS: dict[str, Behaviour] = {
    behaviour.__name__: behaviour
    for behaviour in (
        drip, drip_a_greeting, endless_header, endless_line, endless_body, gzip_bomb, huge_chunk, endless_tls,
        flooding_tls,
    )
}  # fmt: skip


async def _send_slowly(writer: asyncio.StreamWriter, data: bytes) -> None:
    for byte in data:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def _flood(writer: asyncio.StreamWriter, data: bytes) -> None:
    while True:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)


@functools.cache
def _bomb() -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(BOMB_BYTES >> 20):
            file.write(bytes(1 << 20))
    return packed.getvalue()


def _device(last: int, name: str, *parts: object) -> Device:
    return Device(name, f"192.168.77.{last}", parts=parts)  # type: ignore[arg-type]


def _to(location: str) -> Page:
    return Page(status=302, headers=(("Location", location),))


HOSTILE = Office(
    devices=(
        _device(1, "gw", Hostile(443, "endless_tls")),
        FINE,
        _device(101, "drip", Hostile(80, "drip"), Hostile(21, "drip_a_greeting"), Hostile(23, "drip_a_greeting")),
        _device(102, "header", Hostile(80, "endless_header"), Hostile(22, "endless_line")),
        _device(103, "body", Hostile(80, "endless_body"), Hostile(554, "endless_header")),
        _device(104, "bomb", Hostile(80, "gzip_bomb")),
        _device(105, "chunk", Hostile(8080, "huge_chunk")),
        _device(106, "loop", Web(80, {"/": _to("/a"), "/a": _to("/b"), "/b": _to("/")})),
        _device(107, "away", Web(80, {"/": _to(f"http://{ELSEWHERE}/")}), Web(8080, {"/": _to(f"//{ELSEWHERE}:81/")}),
                Ssdp("Linux UPnP/1.0 x/1", f"http://{ELSEWHERE}:5000/description.xml")),
        _device(108, "tls", Hostile(443, "endless_tls"), Hostile(8443, "flooding_tls"), Greeter(5001)),
        _device(109, "laughs", Web(49152, {"/description.xml": Page(_LAUGHS, headers=(("Content-Type", "text/xml"),))}),
                Ssdp("Linux UPnP/1.0 x/1", "http://192.168.77.109:49152/description.xml")),
        _device(110, "words",
                Web(80, {"/": Page(f"<html><title>{NASTY}</title>{NASTY}</html>", 401, (
                    ("WWW-Authenticate", f'Basic realm="{_NASTY_LATIN}"'), ("X-Word", _NASTY_LATIN)))},
                    server=_NASTY_LATIN),
                Greeter(21, b"220 " + NASTY.encode() + b"\r\n"), Greeter(22, b"SSH-2.0-" + NASTY.encode() + b"\r\n"),
                Greeter(23, b"\xff\xfb\x01" + NASTY.encode() + b" login: "), Sip(_NASTY_LATIN),
                Ssdp(_NASTY_LATIN, "http://192.168.77.110/"), Mdns("_http._tcp", "evil", 80, (f"model={NASTY}",))),
        # A length beyond the datagram's end, and a DNS name whose pointer points at itself.
        _device(111, "datagrams", Datagram(161, b"\x30\x84\xff\xff\xff\xff\x02\x01\x01"), Datagram(53, b"\xff" * 512),
                Datagram(5353, b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\xc0\x0c\x00\x0c\x00\x01"),
                Datagram(123, b"\x16" * 2_000), Datagram(5060, b"SIP/2.0 200 OK\r\n" + b"Via: x\r\n" * 400)),
    ),
)  # fmt: skip
