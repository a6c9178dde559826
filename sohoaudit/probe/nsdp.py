"""Asks a NETGEAR Plus switch who it is by the maker's own discovery protocol."""

import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

_TEXTS = {0x0001: "model", 0x0003: "name", 0x000D: "firmware"}
_MAC, _END = 0x0004, 0xFFFF
_HEADER_BYTES = 32


@probe("nsdp", udp={63322}, waits_for_reason=True)
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one read request for model, name, address and firmware; `nsdp.*`.

    The layout is that of public clients of the protocol (Greenbone's gb_netgear_nsdp_detect among them): a header of
    32 bytes with the mark NSDP, then type, length and value. The switch answers to port 63321 alone.
    """
    wanted = b"".join(struct.pack("!HH", kind, 0) for kind in (*_TEXTS, _MAC, _END))
    header = struct.pack("!BBHI6s6sHH4sI", 1, 1, 0, 0, bytes(6), bytes(6), 0, 1, b"NSDP", 0)
    answer = await dial.ask(endpoint, header + wanted, source_port=63321)
    if not answer or answer[24:28] != b"NSDP" or answer[1] != 2:
        return None
    fields: dict[str, str] = {}
    at = _HEADER_BYTES
    while at + 4 <= len(answer):
        kind, length = struct.unpack_from("!HH", answer, at)
        value = answer[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == _END:
            break
        if kind in _TEXTS:
            fields.setdefault(f"nsdp.{_TEXTS[kind]}", readable(value.rstrip(b"\0")))
        elif kind == _MAC and len(value) == 6:
            fields.setdefault("nsdp.mac", value.hex(":"))
    seen = Observation.of(endpoint, fields)
    return seen if seen.fields else None
