"""An SNMP agent that answers GET of a few OIDs (RFC 1157, RFC 3416), with as much BER as that needs."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..model import Transport
from .doors import GuestBook, open_udp

SYSDESCR, SYSOBJECTID, SYSNAME = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0"

_INTEGER, _TEXT, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_NO_SUCH_OBJECT = 0x80
_GET, _RESPONSE = 0xA0, 0xA2
_VERSION_1, _VERSION_3, _NO_SUCH_NAME = b"\x00", b"\x03", 2


@dataclass(frozen=True, slots=True)
class Snmp:
    """Values by OID for one community; an OID among the values (sysObjectID) starts with a dot."""

    values: Mapping[str, str]
    community: str = "public"
    port: int = 161
    outside: int | None = None
    transport: Transport = Transport.UDP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""

        def answer(question: bytes) -> bytes | None:
            try:
                return self._answer(question, book)
            except (IndexError, ValueError):
                book.complain(self.port, "a datagram that is no SNMP")
                return None

        return await open_udp(answer, book, shelf)

    def _answer(self, question: bytes, book: GuestBook) -> bytes | None:
        ((tag, message),) = _parts(question)
        if tag != _SEQUENCE:
            raise ValueError("an SNMP message is a sequence")
        (_, version), *rest = _parts(message)
        if version == _VERSION_3:
            # Boxes of that age do not know it, and drop it.
            return None
        (_, community), (kind, body) = rest
        if kind != _GET:
            book.complain(self.port, f"an SNMP request of type 0x{kind:02x}, which is not GET")
            return None
        if community != self.community.encode():
            book.complain(self.port, "a guess at the community")
            return None
        (_, number), _, _, (_, bindings) = _parts(body)
        names = [next(_parts(binding))[1] for _, binding in _parts(bindings)]
        missing = [place for place, name in enumerate(names, 1) if _dotted(name) not in self.values]
        status = _NO_SUCH_NAME if missing and version == _VERSION_1 else 0
        pdu = _pack(_INTEGER, number) + _pack(_INTEGER, bytes([status])) + _pack(
            _INTEGER, bytes([missing[0] if status else 0])
        )  # fmt: skip
        pdu += _pack(_SEQUENCE, b"".join(self._binding(name) for name in names))
        return _pack(_SEQUENCE, _pack(_INTEGER, version) + _pack(_TEXT, community) + _pack(_RESPONSE, pdu))

    def _binding(self, name: bytes) -> bytes:
        value = self.values.get(_dotted(name))
        if value is None:
            packed = _pack(_NO_SUCH_OBJECT, b"")
        elif value.startswith("."):
            packed = _pack(_OID, _undotted(value[1:]))
        else:
            packed = _pack(_TEXT, value.encode())
        return _pack(_SEQUENCE, _pack(_OID, name) + packed)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, content) pairs that stand one after another; raises IndexError or ValueError where cut short."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            more = length & 0x7F
            length, at = int.from_bytes(data[at : at + more], "big"), at + more
        if at + length > len(data):
            raise ValueError("the length says more than there is")
        yield tag, data[at : at + length]
        at += length


def _pack(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _dotted(packed: bytes) -> str:
    numbers, number = [packed[0] // 40, packed[0] % 40], 0
    for byte in packed[1:]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    return ".".join(map(str, numbers))


def _undotted(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    packed = bytearray([first * 40 + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        packed += bytes(reversed(septets))
    return bytes(packed)
