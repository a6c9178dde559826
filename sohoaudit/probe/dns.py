"""Asks a DNS server whether it resolves names for us, and which program it is."""

import contextlib
import secrets
import struct

from ..model import Endpoint, Observation, Transport
from . import Dialogue, dns_wire, probe, readable
from .dns_wire import CHAOS, INTERNET, IS_ANSWER, RECURSION_AVAILABLE, RECURSION_DESIRED, TXT, A, Message

# A name that stands for examples (RFC 2606); it is the resolver that may ask others for it, not we.
_NAME = ("example", "com")


@probe("dns", tcp={53}, udp={53})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for one address with recursion, and for `version.bind` (class CHAOS); two single packets.

    Returns:
        `dns.recursion` ("available", only where an address came), `dns.version_bind`, and `dns.answer` (what the server
        said to the first question, in words); None where nothing answered.
    """
    first = await _asked(endpoint, dial, (_NAME, A, INTERNET), RECURSION_DESIRED)
    if first is None:
        return None
    fields = {"dns.answer": first.code}
    if first.flags & RECURSION_AVAILABLE and any(record.kind == A for record in first.records):
        fields["dns.recursion"] = "available"
    second = await _asked(endpoint, dial, (("version", "bind"), TXT, CHAOS), 0)
    texts = [text for record in second.records if record.kind == TXT for text in record.texts] if second else []
    fields["dns.version_bind"] = readable(b" ".join(texts))[:300]
    return Observation.of(endpoint, fields)


async def _asked(
    endpoint: Endpoint, dial: Dialogue, question: tuple[tuple[str, ...], int, int], flags: int
) -> Message | None:
    number = secrets.randbelow(0x10000)
    message = dns_wire.question(number, [question], flags)
    if endpoint.transport is Transport.UDP:
        answer = await dial.ask(endpoint, message, 3.0)
    else:
        answer = await _over_tcp(endpoint, dial, struct.pack(">H", len(message)) + message)
    read = dns_wire.read(answer or b"")
    return read if read and read.number == number and read.flags & IS_ANSWER else None


async def _over_tcp(endpoint: Endpoint, dial: Dialogue, message: bytes) -> bytes:
    """The answer behind its two bytes of length (RFC 1035, 4.2.2); the server may keep the connection open."""
    async with dial.open(endpoint) as connection:
        with contextlib.suppress(OSError):
            await connection.send(message)
        length = await connection.read(2, 3.0)
        return await connection.read(int.from_bytes(length, "big"), 3.0) if len(length) == 2 else b""
