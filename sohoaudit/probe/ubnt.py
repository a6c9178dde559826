"""Asks a Ubiquiti device who it is by its own discovery protocol, version 1."""

import ipaddress

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .discretion import keyed

# Types of the records, as public discovery tools read them (nmap's ubiquiti-discovery among them).
_ESSID = 0x0D
_TEXTS = {0x03: "firmware", 0x0B: "hostname", 0x0C: "product", _ESSID: "essid", 0x14: "model", 0x16: "version"}


@probe("ubnt", udp={10001})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send the four bytes of a request; `ubnt.*`, where `ubnt.interface` has a line "MAC address" for each leg."""
    answer = await dial.ask(endpoint, b"\x01\0\0\0")
    if not answer or len(answer) < 7 or answer[0] not in (1, 2):
        return None
    fields: dict[str, str] = {}
    legs: list[str] = []
    at = 4
    while at + 3 <= len(answer):
        kind, length = answer[at], int.from_bytes(answer[at + 1 : at + 3], "big")
        value = answer[at + 3 : at + 3 + length]
        at += 3 + length
        if kind in _TEXTS:
            text = readable(value.rstrip(b"\0"))
            fields.setdefault(f"ubnt.{_TEXTS[kind]}", keyed(text, dial.settings.key) if kind == _ESSID else text)
        elif kind == 0x01 and length == 6:
            fields.setdefault("ubnt.mac", value.hex(":"))
        elif kind == 0x02 and length == 10 and len(value) == 10:
            legs.append(f"{value[:6].hex(':')} {ipaddress.IPv4Address(value[6:])}")
        elif kind == 0x0A and length == 4:
            fields.setdefault("ubnt.uptime", str(int.from_bytes(value, "big")))
    seen = Observation.of(endpoint, fields | {"ubnt.interface": "\n".join(legs[:32])})
    return seen if seen.fields else None
