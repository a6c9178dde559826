"""Asks an SNMP agent who it is: one GET of three objects, with the communities that were given and no other."""

import re
import secrets
from collections.abc import Iterator

from ..model import Endpoint, Observation, Transport
from . import Dialogue, probe, readable
from .discretion import veil

# RFC 3418: sysDescr, sysObjectID, sysName.
_SYSTEM = {
    "1.3.6.1.2.1.1.1.0": "snmp.sysdescr",
    "1.3.6.1.2.1.1.2.0": "snmp.sysobjectid",
    "1.3.6.1.2.1.1.5.0": "snmp.sysname",
}
_V1, _V2C = 0, 1
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE, _GET, _RESPONSE = 0x02, 0x04, 0x05, 0x06, 0x30, 0xA0, 0xA2
_ADDRESS, _NUMBERS = 0x40, {0x02, 0x41, 0x42, 0x43, 0x46, 0x47}


@probe("snmp", udp={161})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask by v2c, and once more by v1 where nothing came, each given community in its turn.

    Silence is how an agent says no, so that this is the one probe that asks again after it, as often as there are
    communities; nothing is guessed, and nothing is walked.

    Returns:
        `snmp.sysdescr`, `snmp.sysobjectid`, `snmp.sysname`, `snmp.version` (1 or 2c) and `snmp.community`: "public", or
        "given" for any other; None where nothing answered.
    """
    for community in dial.settings.communities:
        for version in (_V2C, _V1):
            values = await _get(endpoint, dial, community, version, tuple(_SYSTEM))
            if not values:
                continue
            dial.communities[endpoint.address] = (community, version)
            shown = "public" if community == "public" else "given"
            fields = {_SYSTEM[oid]: veil(value, dial.settings.key) for oid, value in values.items() if oid in _SYSTEM}
            fields |= {"snmp.version": "2c" if version else "1", "snmp.community": shown}
            return Observation.of(endpoint, fields)
    return None


@probe("snmpv3", udp={161})
async def engine(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask an agent of version 3 for its engine id, as every manager must before it may sign in (RFC 3414, section 4).

    Returns:
        `snmp.engine_id` in hex, which no two agents should share; None where nothing of the kind was answered.
    """
    told = engine_id(await dial.ask(endpoint, _discovery(secrets.randbelow(2**30) + 1), 1.0) or b"")
    return Observation.of(endpoint, {"snmp.engine_id": told}, "snmp") if told else None


async def get(endpoint: Endpoint, oid: str, dial: Dialogue) -> Observation | None:
    """Ask one object of the agent that answered before; `snmp.<oid>`, or None where it has none.

    Raises:
        OSError: as `Dialogue.ask`.
    """
    known = dial.communities.get(endpoint.address)
    if not known or not re.fullmatch(r"[012](\.\d{1,10}){1,40}", oid):
        return None
    there = Endpoint(endpoint.address, 161, Transport.UDP)
    values = await _get(there, dial, *known, (oid,))
    return Observation.of(there, {f"snmp.{oid}": values[oid]}, "snmp") if values.get(oid) else None


async def _get(
    endpoint: Endpoint, dial: Dialogue, community: str, version: int, oids: tuple[str, ...]
) -> dict[str, str]:
    number = secrets.randbelow(2**31 - 1) + 1
    answer = await dial.ask(endpoint, question(community, version, number, oids), 2.0 if version == _V2C else 1.0)
    return read_answer(answer or b"", number)


def question(community: str, version: int, number: int, oids: tuple[str, ...]) -> bytes:
    """A GetRequest in BER (RFC 1157 section 4, RFC 3416 section 3)."""
    bindings = b"".join(_tlv(_SEQUENCE, _tlv(_OID, _oid_bytes(oid)) + _tlv(_NULL, b"")) for oid in oids)
    pdu = _tlv(_GET, _integer(number) + _integer(0) + _integer(0) + _tlv(_SEQUENCE, bindings))
    return _tlv(_SEQUENCE, _integer(version) + _tlv(_OCTETS, community.encode()) + pdu)


def _discovery(number: int) -> bytes:
    """A GetRequest without an engine id, a name or an object, which is answered by a report (RFC 3412, section 6)."""
    reportable, user_security, largest = b"\x04", 3, 65_507
    header = _integer(number) + _integer(largest) + _tlv(_OCTETS, reportable) + _integer(user_security)
    nobody = _tlv(_OCTETS, b"") + _integer(0) + _integer(0) + _tlv(_OCTETS, b"") * 3
    pdu = _tlv(_GET, _integer(number) + _integer(0) + _integer(0) + _tlv(_SEQUENCE, b""))
    scoped = _tlv(_SEQUENCE, _tlv(_OCTETS, b"") * 2 + pdu)
    security = _tlv(_OCTETS, _tlv(_SEQUENCE, nobody))
    return _tlv(_SEQUENCE, _integer(3) + _tlv(_SEQUENCE, header) + security + scoped)


def engine_id(answer: bytes) -> str:
    """The engine id in a report, in hex; empty where the bytes are no such thing or the id says nothing."""
    try:
        ((_, message),) = _items(answer, 1)
        (_, version), _, (_, security) = _items(message, 3)
        ((_, parameters),) = _items(security, 1)
        ((_, identifier),) = _items(parameters, 1)
    except ValueError:
        return ""
    # RFC 3411 has 5 to 32 bytes; one without anything behind the maker's number is a default that many share.
    is_telling = version == b"\x03" and 5 <= len(identifier) <= 32 and bool(identifier[5:].strip(b"\0"))
    return identifier.hex() if is_telling else ""


def read_answer(answer: bytes, number: int) -> dict[str, str]:
    """The values by OID in a Response to the request of that number; empty where the bytes are no such thing."""
    try:
        ((_, message),) = _items(answer, 1)
        (_, _version), (_, _community), (kind, pdu) = _items(message, 3)
        (_, asked), (_, error), _, (_, bindings) = _items(pdu, 4)
        if kind != _RESPONSE or int.from_bytes(asked, "big", signed=True) != number or any(error):
            return {}
        values = {}
        for _, binding in _items(bindings, 64):
            (_, oid), (kind, value) = _items(binding, 2)
            if text := _text(kind, value):
                values[_oid_text(oid)] = text
        return values
    except ValueError:
        return {}


def _text(kind: int, value: bytes) -> str:
    if kind == _OCTETS:
        return readable(value.rstrip(b"\0"))
    if kind == _OID:
        return _oid_text(value)
    if kind in _NUMBERS:
        return str(int.from_bytes(value, "big", signed=kind == _INTEGER)) if len(value) <= 16 else ""
    return ".".join(map(str, value)) if kind == _ADDRESS else ""


def _items(data: bytes, limit: int) -> list[tuple[int, bytes]]:
    """Tag and content of the items that stand in a row, at most `limit` of them; raises ValueError for a broken one."""
    return list(_each(data, limit))


def _each(data: bytes, limit: int) -> Iterator[tuple[int, bytes]]:
    while data and limit:
        if len(data) < 2:
            raise ValueError("cut short")
        length, at = data[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(data[2:at], "big")
        if at > 6 or len(data) < at + length:
            raise ValueError("cut short")
        yield data[0], data[at : at + length]
        data, limit = data[at + length :], limit - 1


def _tlv(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def _integer(value: int) -> bytes:
    return _tlv(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid_bytes(oid: str) -> bytes:
    first, second, *rest = map(int, oid.split("."))
    encoded = bytearray()
    for number in (first * 40 + second, *rest):
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(groups))
    return bytes(encoded)


def _oid_text(data: bytes) -> str:
    numbers, number = [], 0
    for byte in data[:256]:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return ""
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
