"""Asks a DNS server whether it resolves names for us, truly, and which program it is."""

import contextlib
import secrets
import struct

from ..knowledge.known_names import NOBODY, known_names
from ..model import Endpoint, Observation, Transport
from . import Dialogue, dns_wire, probe, readable
from .dns_wire import CHAOS, INTERNET, IS_ANSWER, RECURSION_AVAILABLE, RECURSION_DESIRED, TXT, A, Message

# A name that stands for examples (RFC 2606); it is the resolver that may ask others for it, not we.
_NAME = ("example", "com")


@probe("dns", tcp={53}, udp={53})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for one address with recursion, and for `version.bind` (class CHAOS): single packets, one after another.

    Who resolves for us, and is asked over UDP, is asked for the names of `fingerprints/known-names.yaml` as well.

    Returns:
        `dns.recursion` ("available", only where an address came), `dns.version_bind`, `dns.answer` (what the server
        said to the first question, in words), and `dns.address@<name>`: the IPv4 addresses it gives a known name, one
        a line, or what it said instead. None where nothing answered.
    """
    first = await _asked(endpoint, dial, (_NAME, A, INTERNET), RECURSION_DESIRED)
    if first is None:
        return None
    fields = {"dns.answer": first.code}
    if first.flags & RECURSION_AVAILABLE and first.addresses:
        fields["dns.recursion"] = "available"
    second = await _asked(endpoint, dial, (("version", "bind"), TXT, CHAOS), 0)
    texts = [text for record in second.records if record.kind == TXT for text in record.texts] if second else []
    fields["dns.version_bind"] = readable(b" ".join(texts))[:300]
    if "dns.recursion" in fields and endpoint.transport is Transport.UDP:
        fields |= await _known(endpoint, dial)
    return Observation.of(endpoint, fields)


async def _known(endpoint: Endpoint, dial: Dialogue) -> dict[str, str]:
    """What the server says of the known names, and of one that cannot exist; it is left alone once it keeps silent."""
    fields = {}
    for name in (*(known.name for known in known_names()), NOBODY):
        answer = await _asked(endpoint, dial, (tuple(name.split(".")), A, INTERNET), RECURSION_DESIRED)
        if answer is None:
            break
        fields[f"dns.address@{name}"] = "\n".join(answer.addresses[:16]) or answer.code
    return fields


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
