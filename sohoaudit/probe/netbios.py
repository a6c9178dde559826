"""Asks a host for its NetBIOS names, one node status request."""

import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

# RFC 1002 section 4.2.17: the name "*", padded with NULs and written in half-bytes from A, type NBSTAT, class IN.
_QUESTION = struct.pack(">HHHHHH", 0x5348, 0, 1, 0, 0, 0) + b"\x20CK" + b"A" * 30 + b"\0" + struct.pack(">HH", 0x21, 1)


@probe("netbios", udp={137})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read the table of names (RFC 1002, 4.2.18); `netbios.name`, `netbios.group`, `netbios.mac`."""
    answer = await dial.ask(endpoint, _QUESTION)
    if not answer or len(answer) < 57 or answer[:2] != _QUESTION[:2] or not answer[2] & 0x80:
        return None
    names: list[str] = []
    groups: list[str] = []
    for index in range(min(answer[56], 32)):
        entry = answer[57 + 18 * index : 75 + 18 * index]
        if len(entry) == 18 and entry[15] == 0:
            (groups if entry[16] & 0x80 else names).append(readable(entry[:15].rstrip(b" \0")))
    end = 57 + 18 * answer[56]
    mac = answer[end : end + 6]
    fields = {"netbios.name": "\n".join(names), "netbios.group": "\n".join(groups)}
    return Observation.of(endpoint, fields | {"netbios.mac": mac.hex(":") if len(mac) == 6 and any(mac) else ""})
