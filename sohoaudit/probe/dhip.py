"""Asks a Dahua camera or recorder who it is by its search protocol."""

import json
import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .discretion import is_secret, keyed
from .http import parts

_SEARCH = json.dumps({"method": "DHDiscover.search", "params": {"mac": "", "uni": 1}}).encode() + b"\n"
# 32 bytes of header: its own size, the name, two empty words, and the length of the text twice, little-endian.
_HEADER = struct.pack("<I4s8xI4xI4x", 32, b"DHIP", len(_SEARCH), len(_SEARCH))


@probe("dhip", udp={37810})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one search; `dhip.<key>` for each value of the answer, serial numbers as keyed hashes."""
    answer = await dial.ask(endpoint, _HEADER + _SEARCH)
    if not answer or b"DHIP" not in answer[:8]:
        return None
    key = dial.settings.key
    told = parts(readable(answer[32:]), "json", "dhip.")
    fields = {name: keyed(value, key) if is_secret(name[5:]) else value[:500] for name, value in told.items()}
    return Observation.of(endpoint, fields) if "dhip.DeviceType" in fields else None
