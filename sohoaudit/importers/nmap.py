"""Reads nmap's XML (`-oX`), with the versions of `-sV` and what its scripts heard (nmap.dtd, output version 1.05)."""

import io
import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Defused

from . import Damage, Head, Seen, endpoint, fields, importer, moment

KNOWN_OUTPUT = (1, 5)
_DOCTYPE = re.compile(r"<!DOCTYPE\s+nmaprun\s*>")


def is_run_of(head: Head, scanner: str) -> bool:
    """Whether the text is XML whose root says that this scanner wrote it."""
    return bool(re.search(rf"""<nmaprun\s[^>]{{0,2000}}?scanner=["']{scanner}["']""", head.text))


@importer("nmap XML", lambda head: is_run_of(head, "nmap"))
def read(text: str) -> Iterator[Seen | Damage]:
    """Every open port of every host."""
    version = re.search(r"""xmloutputversion=["'](\d+)\.(\d+)""", text[:65_536])
    if version and (int(version[1]), int(version[2])) > KNOWN_OUTPUT:
        yield Damage(f"written by a newer nmap (output {version[1]}.{version[2]}): what is known was read", False)
    yield from hosts(text, _seen)


def hosts(text: str, seen: Callable[[Element], Iterator[Seen]]) -> Iterator[Seen | Damage]:
    """What `seen` makes of each host element; a document type of the file's own is refused."""
    plain = _DOCTYPE.sub("", text, count=1)
    elements = Defused.iterparse(io.BytesIO(plain.encode("utf-8", "replace")), events=("end",), forbid_dtd=True)
    try:
        for _, element in elements:
            if element.tag == "host":
                yield from seen(element)
                element.clear()
    except ParseError as fault:
        line = fault.position[0]
        yield Damage(f"the XML breaks off or is damaged in line {line}: the hosts before it were read")
    except DefusedXmlException:
        yield Damage("it defines a document type or entities of its own, which no scanner writes: not read further")


def _seen(host: Element) -> Iterator[Seen]:
    addresses = {each.get("addrtype"): each.get("addr", "") for each in host.iter("address")}
    time = moment(host.get("endtime") or host.get("starttime"))
    mac = (addresses.get("mac") or "").lower() or None
    for kind in ("ipv4", "ipv6"):
        for port in host.iter("port"):
            state = port.find("state")
            there = endpoint(addresses.get(kind), port.get("portid"), port.get("protocol"))
            if there and state is not None and state.get("state") == "open":
                name, said = _service(port)
                yield Seen(there, said, name, time, mac=mac)


def _service(port: Element) -> tuple[str, dict[str, str]]:
    """The protocol where nmap heard it (a guess by the number is ours to make), and everything it says about it."""
    service = port.find("service")
    name, said = "", {}
    if service is not None:
        if service.get("method") == "probed":
            name = fields.protocol(service.get("name", ""), is_secure=service.get("tunnel") == "ssl")
        said = {"service.product": service.get("product", ""), "service.version": service.get("version", "")}
    for script in port.iter("script"):
        reader = _SCRIPTS.get(script.get("id", ""))
        if reader:
            said |= reader(script, name)
    if not name and any(field.startswith("http.") for field in said):
        name = "http"
    return name, said


def _told(script: Element, key: str) -> str:
    return next((each.text or "" for each in script.iter("elem") if each.get("key") == key), "")


def _output(script: Element) -> str:
    return script.get("output", "")


def _keys(script: Element, name: str) -> dict[str, str]:
    for table in script.iter("table"):
        parts = {each.get("key"): each.text or "" for each in table.iter("elem")}
        if parts.get("key") and (shown := fields.host_key(parts.get("type", ""), parts["key"])):
            return {"ssh.hostkey": shown}
    return {}


def _headers(script: Element, name: str) -> dict[str, str]:
    lines = (line.strip().partition(":") for line in _output(script).splitlines())
    told = [(key.strip(), value.strip()) for key, colon, value in lines if colon and not key.startswith("(")]
    return {key: value for key, value in fields.http("", told, "").items() if value}


_UPNP = {
    "Server": "upnp.server", "Manufacturer": "upnp.manufacturer", "Model Descr": "upnp.model_description",
    "Model Name": "upnp.model_name", "Model Version": "upnp.model_number", "Name": "upnp.friendly_name",
}  # fmt: skip


def _upnp(script: Element, name: str) -> dict[str, str]:
    lines = (line.strip().partition(":") for line in _output(script).splitlines())
    return {_UPNP[key]: value.strip() for key, _, value in reversed(list(lines)) if key in _UPNP}


def _first_line(field: str) -> Callable[[Element, str], dict[str, str]]:
    return lambda script, name: {field: _output(script).strip().split("\n")[0].strip()}


_SCRIPTS: dict[str, Callable[[Element, str], dict[str, str]]] = {
    "http-title": lambda script, name: {"http.title": _told(script, "title")},
    "http-server-header": lambda script, name: {"http.server": _output(script).split("\n")[0].strip()},
    "http-headers": _headers,
    "http-auth": _first_line("http.www_authenticate"),
    "ssl-cert": lambda script, name: fields.certificate(_told(script, "pem")),
    "ssh-hostkey": _keys,
    "banner": lambda script, name: fields.greeting(name, _output(script)),
    "snmp-sysdescr": _first_line("snmp.sysdescr"),
    "snmp-info": lambda script, name: {"snmp.engine_id": _told(script, "engineIDData")},
    "dns-nsid": lambda script, name: {"dns.version_bind": _told(script, "bind.version")},
    "upnp-info": _upnp,
}  # fmt: skip
