"""Asks a camera or printer who it is by WS-Discovery, sent to it alone."""

import uuid

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .xml_text import leaves

_QUESTION = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery">'
    "<s:Header><a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action><a:MessageID>urn:uuid:{number}"
    "</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body><d:Probe/></s:Body></s:Envelope>"
)


@probe("wsd", udp={3702})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one Probe for any type (WS-Discovery 1.0, section 5.2).

    Returns:
        `wsd.types`, `wsd.scopes` (one a line), `wsd.xaddrs`, `wsd.address`, or None.
    """
    answer = await dial.ask(endpoint, _QUESTION.format(number=uuid.uuid4()).encode())
    pairs = list(leaves(readable(answer or b"")))[:200]
    wanted = ("Types", "Scopes", "XAddrs")
    told = {name: value for name, value in pairs if name in wanted}
    if not told:
        return None
    fields = {f"wsd.{name.lower()}": "\n".join(value.split()[:64])[:4_000] for name, value in told.items()}
    # The last address is the device's own; one before it may be the answer's return address.
    fields["wsd.address"] = next((value for name, value in reversed(pairs) if name == "Address"), "")[:200]
    return Observation.of(endpoint, fields)
