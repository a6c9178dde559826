"""Asks a gateway for its address on the internet by NAT-PMP, and whether it speaks PCP; nothing is mapped."""

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


# Version 2, opcode ANNOUNCE, lifetime 0 (RFC 6887, 7.1 and 14.1). The address of the client is left empty: a server
# that minds it says ADDRESS_MISMATCH, which tells as much.
_ANNOUNCE = bytes((2, 0, 0, 0)) + bytes(4) + bytes(10) + b"\xff\xff" + bytes(4)
_PCP_RESULTS = {
    0: "success",
    1: "unsupported version",
    2: "not authorized",
    4: "unsupported opcode",
    12: "address mismatch",
}


@probe("natpmp", udp={5351})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for the external address (RFC 6886, section 3.2: two zero bytes), then announce (RFC 6887, section 14.1).

    Returns:
        `natpmp.external_address`, or `natpmp.result` with the refusal; `pcp.version`, `pcp.result` and `pcp.epoch`
        (seconds since the server lost its mappings); None where nothing answered.
    """
    answer = await dial.ask(endpoint, b"\0\0")
    fields = _natpmp(answer or b"")
    if answer:
        fields |= _pcp(answer) or _pcp(await dial.ask(endpoint, _ANNOUNCE) or b"")
    return Observation.of(endpoint, fields) if fields else None


def _pcp(answer: bytes) -> dict[str, str]:
    """What a PCP answer says (RFC 6887, 7.2): version, the R bit, a result and the epoch."""
    if len(answer) < 12 or answer[0] < 1 or answer[1] & 0x80 == 0:
        return {}
    told = {"pcp.version": str(answer[0]), "pcp.result": _PCP_RESULTS.get(answer[3], f"code {answer[3]}")}
    return told | ({"pcp.epoch": str(int.from_bytes(answer[8:12], "big"))} if answer[3] == 0 else {})


def _natpmp(answer: bytes) -> dict[str, str]:
    if len(answer) < 4 or answer[0] != 0 or answer[1] & 0x80 == 0:
        return {}
    result = int.from_bytes(answer[2:4], "big")
    if result or len(answer) < 12:
        return {"natpmp.result": _RESULTS.get(result, f"code {result}")}
    return {"natpmp.external_address": str(ipaddress.IPv4Address(answer[8:12]))}
