"""A DNS forwarder that tells its version (version.bind, class CHAOS) and resolves one made-up answer (RFC 1035)."""

import contextlib
import struct
from dataclasses import dataclass

from ..model import Transport
from .doors import GuestBook, open_udp

_A, _TXT, _IN, _CHAOS = 1, 16, 1, 3
_RESPONSE, _RECURSION_DESIRED, _RECURSION_AVAILABLE, _REFUSED = 0x8000, 0x0100, 0x0080, 5
_NAME_OF_QUESTION = b"\xc0\x0c"
_ANSWER_ADDRESS = bytes([198, 51, 100, 10])


@dataclass(frozen=True, slots=True)
class Dns:
    """Answers version.bind with `version`, and example.com with an address of RFC 5737; it knows no other name."""

    version: str
    port: int = 53
    outside: int | None = None
    transport: Transport = Transport.UDP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""

        def answer(question: bytes) -> bytes | None:
            try:
                return self._answer(question)
            except (IndexError, struct.error):
                book.complain(self.port, "a datagram that is no DNS")
                return None

        return await open_udp(answer, book, shelf)

    def _answer(self, question: bytes) -> bytes:
        number, flags = struct.unpack_from("!HH", question)
        at, labels = 12, []
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].lower())
            at += 1 + length
        kind, group = struct.unpack_from("!HH", question, at + 1)
        asked = question[12 : at + 5]
        if (kind, group, labels) == (_TXT, _CHAOS, [b"version", b"bind"]):
            text = self.version.encode()
            data = bytes([len(text)]) + text
        elif (kind, group, labels) == (_A, _IN, [b"example", b"com"]):
            data = _ANSWER_ADDRESS
        else:
            data = b""
        flags = _RESPONSE | _RECURSION_AVAILABLE | flags & _RECURSION_DESIRED | (0 if data else _REFUSED)
        head = struct.pack("!HHHHHH", number, flags, 1, 1 if data else 0, 0, 0)
        record = _NAME_OF_QUESTION + struct.pack("!HHIH", kind, group, 0, len(data)) + data
        return head + asked + (record if data else b"")
