"""Asks a PPTP server for its host name and maker; the session is not begun."""

import struct

from .. import __version__
from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

_MAGIC = 0x1A2B3C4D


@probe("pptp", tcp={1723})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send a Start-Control-Connection-Request (RFC 2637, section 2.1) and read the reply.

    Returns:
        `pptp.hostname`, `pptp.vendor`, `pptp.firmware`; None where no such reply came.
    """
    question = struct.pack(">HHIHHHHIIHH", 156, 1, _MAGIC, 1, 0, 0x0100, 0, 3, 3, 0, 0)
    question += b"sohoaudit".ljust(64, b"\0") + f"sohoaudit {__version__}".encode().ljust(64, b"\0")
    said = await dial.exchange(endpoint, question, 156, 5)
    if len(said) < 156 or said[4:10] != struct.pack(">IH", _MAGIC, 2):
        return None
    hostname, vendor = (readable(said[start : start + 64].split(b"\0")[0]) for start in (28, 92))
    firmware = str(int.from_bytes(said[26:28], "big"))
    return Observation.of(endpoint, {"pptp.hostname": hostname, "pptp.vendor": vendor, "pptp.firmware": firmware})
