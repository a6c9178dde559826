"""Asks a Hikvision camera or recorder who it is by its search protocol."""

import uuid

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .discretion import is_secret, keyed
from .xml_text import leaves


@probe("sadp", udp={37020})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one inquiry; `sadp.<element>` for each element of the answer, serial numbers as keyed hashes."""
    number = str(uuid.uuid4()).upper()
    question = f'<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>{number}</Uuid><Types>inquiry</Types></Probe>'
    answer = await dial.ask(endpoint, question.encode())
    pairs = list(leaves(readable(answer or b"")))[:100]
    if not any(name in ("DeviceType", "DeviceDescription", "DeviceSN") for name, _ in pairs):
        return None
    key = dial.settings.key
    fields = {f"sadp.{name}": keyed(value, key) if is_secret(name) else value[:500] for name, value in pairs}
    return Observation.of(endpoint, fields)
