"""All devices whose exact words matter, in one process: each socket lives in the namespace of its device.

Every connection, request and datagram becomes a line of `events.jsonl`: what a guest did is read from there.
"""

import asyncio
import collections
import contextlib
import json
import random
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .hostile import BEHAVIOURS
from .namespaces import inside
from .offices import OFFICES
from .parts import Datagram, Device, Greeter, Hostile, Mdns, Page, Responder, Sip, Ssdp, Web

# A small box takes its time; without it two requests in flight at once would never be seen to overlap.
THINKING_S = 0.02
HEAD_LIMIT_BYTES = 16_384
PATIENCE_S = 20.0


class Journal:
    """Writes what visitors did, one JSON object a line, and counts what is open at one time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self._open: collections.Counter[tuple[str, str]] = collections.Counter()

    def write(self, device: Device, port: str, what: str, **more: object) -> None:
        """One event; the time is the monotonic clock, which all processes of a machine share."""
        event = {"t": time.monotonic(), "device": device.name, "port": port, "what": what} | more
        self._file.write(json.dumps(event) + "\n")

    @contextlib.contextmanager
    def in_flight(self, device: Device, port: str, what: str, **more: object):
        """Counts a thing while it lasts and writes how many such there are on this port, itself included."""
        key = (device.name, f"{what} {port}")
        self._open[key] += 1
        self.write(device, port, what, at_once=self._open[key], **more)
        try:
            yield
        finally:
            self._open[key] -= 1
            self.write(device, port, f"{what}-end")


async def serve(namespace_of: Callable[[str], str], devices: tuple[Device, ...], directory: Path) -> None:
    """Serve every responder of every device until the process is ended."""
    journal = Journal(directory / "events.jsonl")
    keep: list[object] = []
    for device in devices:
        for part in device.parts:
            if isinstance(part, Responder):
                with inside(namespace_of(device.name)):
                    sock = _socket(part, device)
                keep.append(await _start(part, device, sock, journal, directory))
    await asyncio.Event().wait()


def _socket(part: Responder, device: Device) -> socket.socket:
    [(transport, port)] = part.ports
    if transport == "tcp":
        return socket.create_server(("", port), backlog=64) if not socket.has_dualstack_ipv6() else _both(port)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))
    group = {1900: "239.255.255.250", 5353: "224.0.0.251", 37020: "239.255.255.250"}.get(port)
    if group:
        membership = socket.inet_aton(group) + socket.inet_aton(device.address)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return sock


def _both(port: int) -> socket.socket:
    return socket.create_server(("::", port), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True)


async def _start(part: Responder, device: Device, sock: socket.socket, journal: Journal, directory: Path) -> object:
    [(transport, number)] = part.ports
    port = f"{transport}/{number}"
    if isinstance(part, Web):
        context = None
        if part.subject:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(directory / f"{device.name}.pem")
        return await asyncio.start_server(
            lambda reader, writer: _answer_web(part, device, port, journal, reader, writer),
            sock=sock, ssl=context, limit=HEAD_LIMIT_BYTES,
        )  # fmt: skip
    if isinstance(part, Greeter):
        return await asyncio.start_server(
            lambda reader, writer: _greet(part, device, port, journal, reader, writer), sock=sock
        )
    if isinstance(part, Hostile):
        return await asyncio.start_server(
            lambda reader, writer: _misbehave(part, device, port, journal, reader, writer), sock=sock
        )
    loop = asyncio.get_running_loop()
    return await loop.create_datagram_endpoint(lambda: _Datagrams(part, device, port, journal), sock=sock)


async def _answer_web(
    part: Web, device: Device, port: str, journal: Journal, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with journal.in_flight(device, port, "connection"), contextlib.suppress(OSError, asyncio.IncompleteReadError):
        try:
            async with asyncio.timeout(PATIENCE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (TimeoutError, asyncio.LimitOverrunError):
            writer.close()
            return
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, _, rest = first.partition(" ")
        path = rest.rpartition(" ")[0]
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        with journal.in_flight(device, port, "request", method=method, path=path, headers=headers):
            body = await reader.readexactly(min(int(headers.get("content-length", 0)), 65_536))
            await asyncio.sleep(THINKING_S)
            writer.write(_response(part, _page(part, method, path), headers, method))
            await writer.drain()
        if body:
            journal.write(device, port, "body", text=body.decode("utf-8", "replace"))
        writer.close()
        await writer.wait_closed()


def _page(part: Web, method: str, path: str) -> Page:
    path = path.partition("?")[0]
    if part.protocol.startswith("RTSP"):
        return part.pages.get(f"{method} *", part.missing)
    return part.pages.get(path if method in ("GET", "HEAD") else f"{method} {path}", part.missing)


def _response(part: Web, page: Page, asked: dict[str, str], method: str) -> bytes:
    body = page.body.encode() if isinstance(page.body, str) else page.body
    reason = {200: "OK", 302: "Found", 401: "Unauthorized"}.get(page.status, "Not Found")
    lines = [f"{part.protocol} {page.status} {reason}"]
    if "cseq" in asked:
        lines.append(f"CSeq: {asked['cseq']}")
    if part.server:
        lines.append(f"Server: {part.server}")
    lines += [f"{name}: {value}" for name, value in page.headers]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else body)


async def _greet(
    part: Greeter, device: Device, port: str, journal: Journal,
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
) -> None:  # fmt: skip
    with journal.in_flight(device, port, "connection"), contextlib.suppress(OSError, TimeoutError):
        writer.write(part.greeting)
        async with asyncio.timeout(None if part.slams else PATIENCE_S):
            while not part.slams and (heard := await reader.read(4_096)):
                journal.write(device, port, "bytes", text=heard.decode("latin-1"))
        writer.close()
        await writer.wait_closed()


async def _misbehave(
    part: Hostile, device: Device, port: str, journal: Journal,
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
) -> None:  # fmt: skip
    with journal.in_flight(device, port, "connection"), contextlib.suppress(OSError):
        await BEHAVIOURS[part.behaviour](reader, writer)
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """One UDP responder; several answers to one question leave one by one, as those of a real office do."""

    def __init__(self, part: Responder, device: Device, port: str, journal: Journal) -> None:
        self.part, self.device, self.port, self.journal = part, device, port, journal

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.journal.write(self.device, self.port, "datagram", visitor=address[0], text=data.decode("latin-1"))
        for answer in _answers(self.part, data, self.device):
            delay_s = random.uniform(0.01, 0.1)
            asyncio.get_running_loop().call_later(delay_s, self.transport.sendto, answer, address)


def _answers(part: Responder, data: bytes, device: Device) -> list[bytes]:
    if isinstance(part, Ssdp):
        return _ssdp(part, data.decode("latin-1"))
    if isinstance(part, Sip):
        return _sip(part, data.decode("latin-1"))
    if isinstance(part, Mdns):
        return _mdns(part, data, device)
    return [part.answer] if isinstance(part, Datagram) else []


def _ssdp(part: Ssdp, asked: str) -> list[bytes]:
    if not asked.startswith("M-SEARCH"):
        return []
    wanted = next((line[3:].strip() for line in asked.split("\r\n") if line.lower().startswith("st:")), "")
    return [
        (
            f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: {part.location}\r\n"
            f"SERVER: {part.server}\r\nST: {target}\r\nUSN: {part.udn}::{target}\r\n\r\n"
        ).encode()
        for target in part.targets
        if wanted in (target, "ssdp:all", "upnp:rootdevice")
    ]


def _sip(part: Sip, asked: str) -> list[bytes]:
    if not asked.startswith("OPTIONS"):
        return []
    echoed = [
        line for line in asked.split("\r\n") if line.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:"))
    ]
    lines = ["SIP/2.0 200 OK", *echoed, f"User-Agent: {part.agent}", "Allow: INVITE, ACK, OPTIONS", "Content-Length: 0"]
    return ["\r\n".join([*lines, "", ""]).encode()]


def _mdns(part: Mdns, data: bytes, device: Device) -> list[bytes]:
    """One answer with PTR, SRV, TXT and A where the question names our service or the list of services.

    A question from another port than 5353 gets the id and the question back (RFC 6762 section 6.7).
    """
    if len(data) < 12 or data[2] & 0x80:
        return []
    service, listing = _name(f"{part.service}.local"), _name("_services._dns-sd._udp.local")
    instance = bytes([len(part.instance)]) + part.instance.encode() + service
    host = _name(f"{device.name}.local")
    text = b"".join(bytes([len(entry)]) + entry.encode() for entry in part.text)
    records: list[bytes] = []
    if listing in data:
        records.append(_record(listing, 12, service))
    if service in data:
        records += [
            _record(service, 12, instance),
            _record(instance, 33, struct.pack("!HHH", 0, 0, part.port) + host),
            _record(instance, 16, text),
            _record(host, 1, socket.inet_aton(device.address)),
        ]
    if not records:
        return []
    questions = struct.unpack("!H", data[4:6])[0]
    header = struct.pack("!HHHHH", 0x8400, questions, len(records), 0, 0)
    return [data[:2] + header + data[12 : _end_of_questions(data, questions)] + b"".join(records)]


def _end_of_questions(data: bytes, questions: int) -> int:
    place = 12
    for _ in range(questions):
        while data[place] not in (0, *range(0xC0, 0x100)):
            place += 1 + data[place]
        place += 5 if data[place] == 0 else 6
    return place


def _name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _record(name: bytes, kind: int, value: bytes) -> bytes:
    return name + struct.pack("!HHIH", kind, 1, 120, len(value)) + value


if __name__ == "__main__":
    prefix, office, folder = sys.argv[1:4]
    asyncio.run(serve(lambda host: f"{prefix}-{host}", OFFICES[office].devices, Path(folder)))
