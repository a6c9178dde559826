"""Asks a MikroTik router which RouterOS it runs, by the list of parts that its Winbox port hands out."""

import re

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

# Length, kind 2 (read a file of the public folder), its name in twelve bytes, at most 0xFFED bytes, from the beginning.
_INDEX = b"\x13\x02" + b"index".ljust(12, b"\0") + b"\xff\xed" + bytes(5)
_PART = re.compile(rb"\w{1,32}\.dll (\d{1,2}\.\d{1,3}[\w.]{0,12})\s")


@probe("winbox", tcp={8291})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read the first line of the index that the maker's own client reads before anybody signs in; `winbox.version`.

    One request and no second: many at once are known to restart the router's process. RouterOS 7 keeps silent. The
    layout is that of nmap's mikrotik-routeros-version.
    """
    part = _PART.search(await dial.exchange(endpoint, _INDEX, 1_024, 5, until=b"\n"))
    return Observation.of(endpoint, {"winbox.version": readable(part[1])}) if part else None
