"""The IPP probe against a printer of a few lines."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, ipp

Serve = Callable[..., Awaitable[Endpoint]]


def attribute(tag: int, name: bytes, value: bytes) -> bytes:
    return struct.pack(">BH", tag, len(name)) + name + struct.pack(">H", len(value)) + value


async def test_a_printer_tells_model_and_firmware_and_nothing_is_printed(dial: Dialogue, serve: Serve) -> None:
    asked: list[bytes] = []
    body = b"\x01\x01\0\0\0\0\0\x01\x01" + attribute(0x47, b"attributes-charset", b"utf-8") + b"\x04"
    body += attribute(0x41, b"printer-make-and-model", b"Example MFC-1") + attribute(0x21, b"copies", b"\0\0\0\1")
    body += attribute(0x41, b"printer-firmware-string-version", b"1.20") + b"\x03"

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        asked.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nServer: Example/1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    seen = await ipp.ask(await serve(speak), dial)
    assert seen and seen.fields["ipp.printer-make-and-model"] == "Example MFC-1"
    assert seen.fields["ipp.printer-firmware-string-version"] == "1.20" and "ipp.copies" not in seen.fields
    assert asked[0].startswith(b"POST /ipp/print ") and asked[1][:4] == b"\x01\x01\0\x0b"


async def test_a_web_page_on_the_port_is_read_as_one(dial: Dialogue, serve: Serve) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        page = b"<title>CUPS</title>"
        writer.write(b"HTTP/1.0 405 No\r\n\r\n" if head.startswith(b"POST") else b"HTTP/1.0 200 OK\r\n\r\n" + page)
        await writer.drain()

    seen = await ipp.ask(await serve(speak), dial)
    assert seen and seen.probe == "http" and seen.fields["http.title"] == "CUPS"
