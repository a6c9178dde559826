"""Asks an Android box whether its debugging door is open, by the message that begins a talk (adb's protocol.txt)."""

import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

_CONNECT, _AUTHENTICATE = b"CNXN", b"AUTH"
_VERSION, _LARGEST_PAYLOAD_BYTES = 0x01000000, 4_096
_WHO = b"host::\0"


@probe("adb", tcp={5555, 5858})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Say hello and hang up; no key is offered, so nobody is asked for a permission on the screen.

    Returns:
        `adb.auth`: "none" where the box lets anybody in, with its own words in `adb.banner`
        ("device::ro.product.name=…;"), or "required"; None where it does not speak ADB.
    """
    answer = await dial.exchange(endpoint, _message(_CONNECT, _VERSION, _LARGEST_PAYLOAD_BYTES, _WHO), 4_096, 3.0)
    kind, payload = answer[:4], answer[24:]
    if len(answer) < 24 or kind not in (_CONNECT, _AUTHENTICATE):
        return None
    if kind == _AUTHENTICATE:
        return Observation.of(endpoint, {"adb.auth": "required"})
    return Observation.of(
        endpoint, {"adb.auth": "none", "adb.banner": readable(payload).strip("\0\n ")[:500] or "device"}
    )


def _message(kind: bytes, first: int, second: int, payload: bytes) -> bytes:
    """A message: kind, two arguments, length, sum of the bytes, and the kind turned over."""
    command = int.from_bytes(kind, "little")
    return struct.pack("<6I", command, first, second, len(payload), sum(payload), command ^ 0xFFFFFFFF) + payload
