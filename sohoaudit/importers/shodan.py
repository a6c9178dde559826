"""Reads Shodan: a host (`/shodan/host/IP`), a search or download (`.json.gz`, one banner a line), and InternetDB.

The fields are those of Shodan's banner specification (datapedia.shodan.io) and of internetdb.shodan.io.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from . import Damage, Head, Seen, endpoint, fields, importer, moment
from .json_text import inner, listing, mapping, objects, text_of

# A banner's own key; hosts hold a list of them under `data`, searches under `matches`.
_SHODAN_KEYS = {"_shodan", "hash", "asn", "isp", "transport"}


def _is_shodan(head: Head) -> bool:
    first = head.first
    is_host = "ip_str" in first and (isinstance(first.get("data"), list) or isinstance(first.get("ports"), list))
    is_banner = "port" in first and isinstance(first.get("data"), str) and bool(_SHODAN_KEYS & first.keys())
    matches = listing(first, "matches")
    return is_host or is_banner or bool(matches and "port" in mapping(matches[0]))


def _is_internetdb(head: Head) -> bool:
    return {"ip", "ports", "cpes", "vulns"} <= head.first.keys() and not any(
        isinstance(port, Mapping) for port in listing(head.first, "ports")
    )


@importer("Shodan", _is_shodan, is_index=True)
def read(text: str) -> Iterator[Seen | Damage]:
    """Every banner, however they are packed."""
    for record in objects(text):
        if isinstance(record, str):
            yield Damage(record)
            continue
        inside = listing(record, "matches") or listing(record, "data") or [record]
        for banner in inside:
            if seen := _banner(mapping(banner), text_of(record, "ip_str")):
                yield seen
        yield from _ports(record, {text_of(banner, "port") for banner in inside})


@importer("Shodan InternetDB", _is_internetdb, is_index=True)
def read_internetdb(text: str) -> Iterator[Seen | Damage]:
    """The ports of each host; InternetDB tells no dates and is made anew every week, so they count as of now."""
    for record in objects(text):
        if isinstance(record, str):
            yield Damage(record)
            continue
        for port in listing(record, "ports"):
            there = endpoint(record.get("ip"), port)
            if there:
                yield Seen(there, time=datetime.now(UTC), source="Shodan InternetDB")


def _ports(record: Mapping[str, Any], told: set[str]) -> Iterator[Seen]:
    """Ports that a host names without a banner."""
    for port in listing(record, "ports"):
        there = endpoint(record.get("ip_str"), port)
        if there and str(port) not in told:
            yield Seen(there, time=moment(record.get("last_update")), source="Shodan")


def _banner(banner: Mapping[str, Any], address: str) -> Seen | None:
    there = endpoint(banner.get("ip_str") or address, banner.get("port"), banner.get("transport") or "tcp")
    if not there:
        return None
    module = text_of(banner, "_shodan", "module")
    is_secure = bool(mapping(banner, "ssl"))
    name = fields.protocol(_module(module, banner), is_secure=is_secure)
    said = _fields(banner, name)
    said |= fields.certificate(next(iter(map(str, listing(banner, "ssl", "chain"))), ""))
    said |= {"service.product": text_of(banner, "product"), "service.version": text_of(banner, "version")}
    return Seen(there, said, name, moment(banner.get("timestamp")), "Shodan")


def _module(module: str, banner: Mapping[str, Any]) -> str:
    """Shodan's crawler modules: `http-simple-new`, `https`, `ssh`, `dns-udp`, `auto` …"""
    if mapping(banner, "http") or module.startswith("http"):
        return "http"
    if module in ("auto", ""):
        return "ssh" if text_of(banner, "data").startswith("SSH-") else ""
    return module.removesuffix("-udp").removesuffix("-tcp")


def _fields(banner: Mapping[str, Any], name: str) -> dict[str, str]:
    data = text_of(banner, "data")
    said = fields.greeting(name, data) if data and name != "snmp" else {}
    if page := mapping(banner, "http"):
        html = text_of(page, "html")
        told = fields.http(text_of(page, "status"), [], html, text_of(page, "title"))
        said |= {key: value for key, value in told.items() if value}
        if icon := text_of(page, "favicon", "hash"):
            said["http.favicon.mmh3"] = icon
        said.setdefault("http.server", text_of(page, "server"))
    if key := text_of(banner, "ssh", "key"):
        said["ssh.hostkey"] = fields.host_key(text_of(banner, "ssh", "type"), key)
    if snmp := mapping(banner, "snmp"):
        said |= {f"snmp.{field}": text_of(snmp, told) for field, told in _SNMP.items()}
    if name == "snmp":
        said.setdefault("snmp.sysdescr", data.strip()[:2_000])
    if said.get("dns.recursion") is None and inner(banner, "dns", "recursive") is True:
        said["dns.recursion"] = "available"
    said["dns.version_bind"] = text_of(banner, "dns", "software")
    if (upnp := mapping(banner, "upnp")) or name == "upnp":
        said |= {f"upnp.{field}": text_of(upnp, told) for field, told in _UPNP.items()}
    return said


_SNMP = {"sysname": "name", "sysdescr": "description", "engine_id": "engineid_data"}
_UPNP = {
    "manufacturer": "manufacturer", "model_name": "model_name", "model_number": "model_number",
    "friendly_name": "friendly_name", "model_description": "model_description",
}  # fmt: skip
