"""Asks a Synology device who it is by the protocol of the maker's own assistant."""

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

_MARK = b"\x12\x34\x56\x78SYNO"
# One record: "whoever you are, answer".
_QUESTION = _MARK + b"\xa4\x04\x00\x00\x02\x01\xa6\x04\x78\x00\x00\x00"
_TEXTS = {0x11: "hostname", 0x77: "version", 0x78: "model"}
_BUILD, _MAC = 0x49, 0x21


@probe("findhost", udp={9999}, waits_for_reason=True)
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one inquiry from port 9998; `findhost.*`. The serial number is not read.

    The layout is that of public clients of the protocol: a mark of eight bytes, then type, length (a byte each) and
    value. What does not fit it is left out.
    """
    answer = await dial.ask(endpoint, _QUESTION, source_port=9998)
    if not answer or not answer.startswith(_MARK):
        return None
    fields: dict[str, str] = {}
    at = len(_MARK)
    while at + 2 <= len(answer):
        kind, length = answer[at], answer[at + 1]
        value = answer[at + 2 : at + 2 + length]
        at += 2 + length
        if kind in _TEXTS:
            fields.setdefault(f"findhost.{_TEXTS[kind]}", readable(value.rstrip(b"\0")))
        elif kind == _BUILD and len(value) == 4:
            fields.setdefault("findhost.build", str(int.from_bytes(value, "little")))
        elif kind == _MAC:
            fields.setdefault("findhost.mac", readable(value.rstrip(b"\0")))
    seen = Observation.of(endpoint, fields)
    return seen if seen.fields else None
