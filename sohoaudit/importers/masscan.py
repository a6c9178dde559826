"""Reads masscan's outputs: JSON (`-oJ`), XML (`-oX`) and list (`-oL`), banners included (masscan's manual, OUTPUT)."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from . import Damage, Head, Seen, endpoint, fields, importer, moment
from .json_text import listing, mapping, objects, text_of
from .nmap import hosts, is_run_of


def _is_json(head: Head) -> bool:
    ports = listing(head.first, "ports")
    return "ip" in head.first and bool(ports) and isinstance(ports[0], dict) and "port" in ports[0]


def _is_list(head: Head) -> bool:
    first = next((line for line in head.text.splitlines() if line.strip()), "")
    words = first.split()
    return first.startswith("#masscan") or (words[:1] in (["open"], ["banner"]) and len(words) >= 5)


@importer("masscan JSON", _is_json)
def read_json(text: str) -> Iterator[Seen | Damage]:
    """Every open port and banner."""
    for record in objects(text):
        if isinstance(record, str):
            yield Damage(record)
            continue
        time = moment(record.get("timestamp"))
        for port in listing(record, "ports"):
            there = endpoint(record.get("ip"), mapping(port).get("port"), text_of(port, "proto"))
            service = mapping(port, "service")
            if there and (service or text_of(port, "status") == "open"):
                name, said = _banner(text_of(service, "name"), text_of(service, "banner"))
                yield Seen(there, said, name, time)


@importer("masscan list", _is_list)
def read_list(text: str) -> Iterator[Seen | Damage]:
    """Lines "open tcp 80 ADDRESS TIME" and "banner tcp 80 ADDRESS TIME http TEXT"."""
    last = text.splitlines()[-1] if text.splitlines() else ""
    if last and last != "# end" and not last.startswith("#"):
        yield Damage("it ends without masscan's last line: the run may have been cut off")
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(" ", 6)
        if not line.strip() or line.startswith("#") or words[0] not in ("open", "banner"):
            continue
        there = endpoint(words[3], words[2], words[1]) if len(words) >= 5 else None
        if not there:
            yield Damage(f"line {number} is damaged: it was left out")
            continue
        name, said = _banner(words[5], _unescaped(words[6])) if len(words) == 7 else ("", {})
        yield Seen(there, said, name, moment(words[4]))


@importer("masscan XML", lambda head: is_run_of(head, "masscan"))
def read_xml(text: str) -> Iterator[Seen | Damage]:
    """Every open port and banner."""
    yield from hosts(text, _of_host)


def _of_host(host: Element) -> Iterator[Seen]:
    address = next((each.get("addr") for each in host.iter("address")), None)
    for port in host.iter("port"):
        there = endpoint(address, port.get("portid"), port.get("protocol"))
        state, service = port.find("state"), port.find("service")
        if there and (service is not None or (state is not None and state.get("state") == "open")):
            told = (service.get("name", ""), service.get("banner", "")) if service is not None else ("", "")
            name, said = _banner(*told)
            yield Seen(there, said, name, moment(host.get("endtime")))


def _banner(kind: str, banner: str) -> tuple[str, dict[str, str]]:
    """Protocol and fields of a banner; masscan names the kind of text: http, title, X509, ssh, vuln …"""
    match kind:
        case "X509" | "X509CA":
            return "", fields.certificate(banner) if kind == "X509" else {}
        case "title":
            return "http", {"http.title": banner}
        case "http.server":
            return "http", {"http.server": banner}
        case "http":
            return "http", fields.page(_unescaped(banner).encode("utf-8", "replace"))
        case "ssl":
            return "", {}
    name = fields.protocol(kind)
    return name, fields.greeting(name, _unescaped(banner)) if banner else {}


def _unescaped(text: str) -> str:
    """masscan writes bytes that would break its lines as `\\x0d`."""
    return text.replace("\\x0d", "\r").replace("\\x0a", "\n").replace("\\x22", '"').replace("\\x3c", "<")
