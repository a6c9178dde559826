"""Asks a MikroTik router who it is by its neighbour discovery protocol."""

import ipaddress

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

# Types of the records: research on two independent parsers.
_TEXTS = {5: "identity", 7: "version", 8: "platform", 11: "software_id", 12: "board", 16: "interface"}


@probe("mndp", udp={5678})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send four zero bytes; `mndp.identity`, `mndp.version`, `mndp.platform`, `mndp.board`, `mndp.mac` and others."""
    answer = await dial.ask(endpoint, bytes(4))
    if not answer or len(answer) < 8:
        return None
    fields: dict[str, str] = {}
    at = 4
    while at + 4 <= len(answer):
        kind, length = int.from_bytes(answer[at : at + 2], "big"), int.from_bytes(answer[at + 2 : at + 4], "big")
        value = answer[at + 4 : at + 4 + length]
        at += 4 + length
        if kind in _TEXTS:
            fields.setdefault(f"mndp.{_TEXTS[kind]}", readable(value)[:300])
        elif kind == 1 and length == 6:
            fields.setdefault("mndp.mac", value.hex(":"))
        elif kind == 10 and length == 4:
            fields.setdefault("mndp.uptime", str(int.from_bytes(value, "little")))
        elif kind == 17 and length == 4 and len(value) == 4:
            fields.setdefault("mndp.address", str(ipaddress.IPv4Address(value)))
    is_heard = "mndp.version" in fields or "mndp.platform" in fields
    return Observation.of(endpoint, fields) if is_heard else None
