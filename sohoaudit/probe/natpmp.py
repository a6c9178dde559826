"""Asks a gateway for its address on the internet by NAT-PMP; nothing is mapped."""

import ipaddress

from ..model import Endpoint, Observation
from . import Dialogue, probe

_RESULTS = {
    1: "unsupported version",
    2: "not authorized",
    3: "network failure",
    4: "out of resources",
    5: "unsupported",
}


@probe("natpmp", udp={5351})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for the external address (RFC 6886, section 3.2), two zero bytes.

    Returns:
        `natpmp.external_address`, or `natpmp.result` with the refusal; None where nothing answered.
    """
    answer = await dial.ask(endpoint, b"\0\0")
    if not answer or len(answer) < 4 or answer[1] & 0x80 == 0:
        return None
    result = int.from_bytes(answer[2:4], "big")
    if result or len(answer) < 12:
        return Observation.of(endpoint, {"natpmp.result": _RESULTS.get(result, f"code {result}")})
    return Observation.of(endpoint, {"natpmp.external_address": str(ipaddress.IPv4Address(answer[8:12]))})
