"""Asks a UPnP device for its description, and a gateway for the ports it forwards to the internet."""

import re
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element

from ..dialer import BudgetSpent
from ..model import Endpoint, Observation, Transport
from . import Dialogue, probe, readable
from .discretion import keyed
from .http import Request, fetch, host, same_host
from .xml_text import parse

# One root device answers this once; `ssdp:all` would make it answer for each of its parts.
SEARCH = (
    b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n'
)
MAPPINGS_LIMIT = 1_000
PINHOLES_ASKED = 16
_DESCRIBED = {
    "manufacturer": "manufacturer", "modelName": "model_name", "modelNumber": "model_number",
    "modelDescription": "model_description", "friendlyName": "friendly_name", "UDN": "udn",
    "serialNumber": "serial_number", "deviceType": "device_type", "presentationURL": "presentation_url",
    "softwareVersion": "software_version", "hardwareVersion": "hardware_version",
}  # fmt: skip
_FORWARDS = re.compile(r"urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]")
_IPV6_FIREWALL = re.compile(r"urn:schemas-upnp-org:service:WANIPv6FirewallControl:\d")
# WANIPConnection:1, 2.4.18: the index, or the entry, is not there. Many stacks tell no code at the end.
_END_OF_LIST = {"713", "714", ""}
_ELSEWHERE = "another address is named there, which was not asked"


@probe("upnp", udp={1900})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Send one search to the device alone, read its description and, of a gateway, the table of forwarded ports.

    Only what reads is called (`GetStatusInfo`, `GetExternalIPAddress`, `GetGenericPortMappingEntry`,
    `GetFirewallStatus`, `GetPinholePackets`); nothing is added, deleted or renewed.

    Returns:
        `upnp.server`, `upnp.location`, `upnp.usn`, and as `describe`; None where no answer came.
    """
    answer = await dial.ask(endpoint, SEARCH, 2.5, from_any_port=True)
    if not answer or not answer.lstrip().upper().startswith((b"HTTP/", b"NOTIFY")):
        return None
    lines = (line.partition(":") for line in readable(answer).replace("\r", "").split("\n")[1:64])
    told = {name.strip().lower(): value.strip() for name, _, value in lines}
    fields = {f"upnp.{name}": told.get(name, "")[:1_000] for name in ("server", "location", "usn")}
    described = await describe(endpoint, fields["upnp.location"], dial)
    if described is None and fields["upnp.location"]:
        fields["upnp.fault"] = f"the description was not read: {_ELSEWHERE}"
    return Observation.of(endpoint, fields | dict(described.fields if described else {}))


async def describe(endpoint: Endpoint, url: str, dial: Dialogue) -> Observation | None:
    """Read the description at a place that an SSDP answer named, and what it leads to.

    A place on another address is not contacted, whoever names it.

    Returns:
        `upnp.*` of the description's root device; of a gateway also `upnp.control_url`, `upnp.connection_status`,
        `upnp.uptime` (seconds), `upnp.external_address`, `upnp.ipv6_firewall` ("on" or "off") and `upnp.ipv6_pinholes`
        ("allowed" or "refused"), and `upnp.mapping`, a line each:
        `TCP 8081 192.168.50.20:80 enabled lease=0 "description"`. `upnp.fault` says what was not read to the end.
        `upnp.ipv6_pinholes_open` is how many of the first 16 numbers of pinholes are taken: the service has no list of
        them (ISO/IEC 29341-24-11, scope), and says to whom one leads to nobody.
    """
    place = _place(endpoint, url)
    if not place:
        return None
    at, path = place
    fields: dict[str, str] = {}
    try:
        page = await fetch(at, dial, Request(path), secure=False)
        root = parse(page.text)
        if root is None:
            return Observation.of(endpoint, {"upnp.fault": f"no description: {page.fault or 'not XML'}"}, "upnp")
        fields = _described(root, dial.settings.key) | {"upnp.location": url}
        fields |= await _services(at, url, root, dial)
    except (OSError, BudgetSpent) as fault:
        return Observation.of(endpoint, fields | {"upnp.fault": f"not read to the end: {fault}"}, "upnp")
    return Observation.of(endpoint, fields, "upnp")


def _described(root: Element, key: bytes) -> dict[str, str]:
    device = root.find("device")
    if device is None:
        return {}
    fields = {}
    for tag, name in _DESCRIBED.items():
        text = (device.findtext(tag) or "").strip()[:1_000]
        if text:
            fields[f"upnp.{name}"] = keyed(text, key) if name == "serial_number" else text
    return fields


async def _services(at: Endpoint, url: str, root: Element, dial: Dialogue) -> dict[str, str]:
    """What a gateway's services say: of several connections the first that is up, else the first that answers."""
    fields: dict[str, str] = {}
    connected: dict[str, str] = {}
    for service in root.iter("service"):
        kind = service.findtext("serviceType", "").strip()
        if not (_FORWARDS.fullmatch(kind) or _IPV6_FIREWALL.fullmatch(kind)):
            continue
        control = _place(at, urljoin(url, service.findtext("controlURL", "").strip()))
        if not control:
            fields["upnp.fault"] = f"a service was not asked: {_ELSEWHERE}"
        elif _IPV6_FIREWALL.fullmatch(kind):
            fields |= await _ipv6_firewall(*control, kind, dial)
        elif connected.get("upnp.connection_status", "") != "Connected":
            told = {"upnp.control_url": f"http://{host(control[0])}:{control[0].port}{control[1]}"}
            told |= await _gateway(*control, kind, dial)
            connected = told if not connected or told.get("upnp.connection_status") == "Connected" else connected
    return fields | connected


async def _gateway(at: Endpoint, path: str, kind: str, dial: Dialogue) -> dict[str, str]:
    """What a gateway forwards; one turn is held for the whole table, whose entries are asked for one after another."""
    async with dial.turn(at):
        status = await _call(at, path, kind, "GetStatusInfo", "", dial)
        fields = {
            "upnp.connection_status": status.get("NewConnectionStatus", "")[:60],
            "upnp.uptime": status.get("NewUptime", "")[:20],
        }
        answer = await _call(at, path, kind, "GetExternalIPAddress", "", dial)
        if not answer.get("is_told"):
            return fields
        fields["upnp.external_address"] = answer.get("NewExternalIPAddress", "")[:60]
        lines, fault = await _mappings(at, path, kind, dial)
    return fields | {"upnp.mapping": "\n".join(lines), "upnp.fault": fault}


async def _mappings(at: Endpoint, path: str, kind: str, dial: Dialogue) -> tuple[list[str], str]:
    """The entries in their order, and why they were not read to the end, or nothing."""
    lines: list[str] = []
    for index in range(MAPPINGS_LIMIT):
        arguments = f"<NewPortMappingIndex>{index}</NewPortMappingIndex>"
        entry = await _call(at, path, kind, "GetGenericPortMappingEntry", arguments, dial)
        if not entry.get("NewInternalClient"):
            code = entry.get("errorCode", "")
            is_end = code in _END_OF_LIST
            return lines, "" if is_end else f"the list of port forwards breaks off after {index} entries: error {code}"
        lines.append(_entry(entry))
    return lines, f"the list of port forwards has no end: only the first {MAPPINGS_LIMIT} entries were read"


def _entry(entry: dict[str, str]) -> str:
    source = entry.get("NewRemoteHost", "")
    return _line(
        f"{entry.get('NewProtocol', '').upper()} {entry.get('NewExternalPort', '')}"
        f" {entry['NewInternalClient']}:{entry.get('NewInternalPort', '')}"
        f" {'enabled' if entry.get('NewEnabled') == '1' else 'disabled'} lease={entry.get('NewLeaseDuration', '')}"
        + (f" from={source}" if source else ""),
        entry.get("NewPortMappingDescription", ""),
    )


async def _ipv6_firewall(at: Endpoint, path: str, kind: str, dial: Dialogue) -> dict[str, str]:
    """Whether the gateway keeps strangers out over IPv6, and lets programs open holes (WANIPv6FirewallControl:1)."""
    async with dial.turn(at):
        answer = await _call(at, path, kind, "GetFirewallStatus", "", dial)
        is_allowed = answer.get("InboundPinholeAllowed") == "1"
        count = await _pinholes(at, path, kind, dial) if is_allowed else 0
    words = {"1": ("on", "allowed"), "0": ("off", "refused")}
    return {
        "upnp.ipv6_firewall": words.get(answer.get("FirewallEnabled", ""), ("", ""))[0],
        "upnp.ipv6_pinholes": words.get(answer.get("InboundPinholeAllowed", ""), ("", ""))[1],
        "upnp.ipv6_pinholes_open": str(count) if count else "",
    }


async def _pinholes(at: Endpoint, path: str, kind: str, dial: Dialogue) -> int:
    """How many of the first numbers lead to a pinhole; 0 where the gateway refuses us whatever we ask.

    The packets of somebody else's pinhole are "not authorized" (606), those of none are no such entry: seen with
    miniupnpd, which counts from 1.
    """
    codes = []
    for number in range(1, PINHOLES_ASKED + 1):
        arguments = f"<UniqueID>{number}</UniqueID>"
        told = await _call(at, path, kind, "GetPinholePackets", arguments, dial)
        codes.append("606" if told.get("is_told") else told.get("errorCode", ""))
    taken = codes.count("606")
    return taken if taken < PINHOLES_ASKED else 0


def _line(told: str, description: str) -> str:
    described = " ".join(description.replace('"', "'").split())[:200]
    return f'{" ".join(told.split())[:300]} "{described}"'


async def _call(at: Endpoint, path: str, kind: str, action: str, arguments: str, dial: Dialogue) -> dict[str, str]:
    """Call an action that reads; its results by name with `is_told`, or what a refusal says (`errorCode`).

    The bytes are what every control point sends (UPnP Device Architecture 1.1, 3.2.1): some parsers stop at less.
    """
    body = (
        '<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{kind}">{arguments}</u:{action}></s:Body></s:Envelope>\r\n'
    )
    headers = {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": f'"{kind}#{action}"'}
    answer = await fetch(at, dial, Request(path, "POST", headers, body), secure=False, holds_turn=True)
    root = parse(answer.text)
    if root is None:
        return {}
    told = {str(element.tag): (element.text or "").strip() for element in root.iter() if len(element) == 0}
    if answer.status == 200 and root.find(f".//{action}Response") is not None:
        return told | {"is_told": "yes"}
    return {"errorCode": told.get("errorCode", "")[:10]}


def _place(endpoint: Endpoint, url: str) -> tuple[Endpoint, str] | None:
    """Port and path of a plain HTTP address on the same host, or None for any other."""
    try:
        there = urlsplit(url)
        port = there.port or 80
        is_here = there.scheme == "http" and same_host(endpoint, there.hostname) and not there.username
    except ValueError:
        return None
    path = (there.path or "/") + (f"?{there.query}" if there.query else "")
    if not is_here or len(path) > 256 or not path.isascii() or re.search(r"[\s\x00-\x1f]", path):
        return None
    return Endpoint(endpoint.address, port, Transport.TCP), path
