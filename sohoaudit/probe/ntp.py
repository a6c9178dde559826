"""Asks a time server for its own description, in one packet of mode 6; never for its list of clients."""

import re
import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

# RFC 9327 section 2: version 2, mode 6, opcode 2 (read variables), sequence 1, no association.
_READ_VARIABLES = struct.pack(">BBHHHHH", 0x16, 2, 1, 0, 0, 0, 0)
_KEPT = ("version", "system", "processor", "stratum", "refid")


@probe("ntp", udp={123})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read the system variables; `ntp.version`, `ntp.system`, `ntp.processor`, or None where the server keeps them."""
    answer = await dial.ask(endpoint, _READ_VARIABLES)
    if not answer or len(answer) < 12 or answer[0] & 0x07 != 6 or not answer[1] & 0x80:
        return None
    told = dict(re.findall(r'(\w{1,40})="?([^",\r\n]{1,300})', readable(answer[12:])))
    return Observation.of(endpoint, {"ntp.mode": "6"} | {f"ntp.{name}": told.get(name, "") for name in _KEPT})
