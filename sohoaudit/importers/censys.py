"""Reads Censys: a host of the search API (`/v2/hosts/IP`), the hits of a search, and exports, one host a line."""

from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from . import Damage, Head, Seen, endpoint, fields, importer, moment
from .json_text import inner, listing, mapping, objects, text_of


def _is_censys(head: Head) -> bool:
    hosts = list(_hosts(head.first))
    return any("ip" in host and isinstance(host.get("services"), list) for host in hosts[:1])


@importer("Censys", _is_censys, is_index=True)
def read(text: str) -> Iterator[Seen | Damage]:
    """Every service of every host."""
    for record in objects(text):
        if isinstance(record, str):
            yield Damage(record)
            continue
        for host in _hosts(record):
            for service in listing(host, "services"):
                if seen := _service(mapping(service), host):
                    yield seen


def _hosts(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The hosts in a record: itself, under `result` or `host` (the newer Platform), or among a search's hits."""
    result = mapping(record, "result")
    hits = listing(result, "hits") or listing(record, "hits")
    found = hits or [mapping(result, "resource") or result or mapping(record, "host") or record]
    yield from (mapping(each, "host") or each for each in map(mapping, found))


def _service(service: Mapping[str, Any], host: Mapping[str, Any]) -> Seen | None:
    transport = text_of(service, "transport_protocol") or "tcp"
    there = endpoint(host.get("ip"), service.get("port"), "udp" if transport.lower() in ("udp", "quic") else transport)
    if not there:
        return None
    tls = mapping(service, "tls")
    told = text_of(service, "extended_service_name") or text_of(service, "service_name") or text_of(service, "protocol")
    is_secure = bool(tls) or told.upper() == "HTTPS"
    name = fields.protocol("http" if told.upper() == "HTTPS" else told, is_secure=is_secure)
    banner = _banner(service)
    said = fields.greeting(name, banner) if banner else {}
    said |= _page(service) | _certificate(tls) | _ssh(service) | _others(service)
    software = mapping(next(iter(listing(service, "software")), {}))
    said |= {"service.product": text_of(software, "product"), "service.version": text_of(software, "version")}
    when = service.get("observed_at") or service.get("scan_time") or host.get("last_updated_at")
    return Seen(there, said, name, moment(when), "Censys")


def _banner(service: Mapping[str, Any]) -> str:
    if plain := text_of(service, "banner"):
        return plain
    try:
        return b64decode(text_of(service, "_encoding_banner"), validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def _page(service: Mapping[str, Any]) -> dict[str, str]:
    response = mapping(service, "http", "response")
    if not response:
        return {}
    headers = [
        (name, str(value))
        for name, values in mapping(response, "headers").items()
        if name != "_encoding"
        for value in (values if isinstance(values, list) else [values])
    ]
    told = fields.http(
        text_of(response, "status_code"), headers, text_of(response, "body"), text_of(response, "html_title")
    )
    for icon in listing(response, "favicons"):
        told["http.favicon.mmh3"] = text_of(icon, "shodan_hash")
        told["http.favicon.md5"] = text_of(icon, "md5_hash").removeprefix("md5:")
    return told


def _certificate(tls: Mapping[str, Any]) -> dict[str, str]:
    leaf = mapping(tls, "certificates", "leaf_data")
    hashed = text_of(tls, "certificates", "leaf_fp_sha_256") or text_of(leaf, "fingerprint")
    validity = mapping(tls, "certificate", "parsed", "validity_period")
    return {
        "tls.sha256": hashed or text_of(tls, "fingerprint_sha256"),
        "tls.subject": _name(text_of(leaf, "subject_dn") or text_of(tls, "certificate", "parsed", "subject_dn")),
        "tls.issuer": _name(text_of(leaf, "issuer_dn") or text_of(tls, "certificate", "parsed", "issuer_dn")),
        "tls.not_after": text_of(validity, "not_after"),
        "tls.version": text_of(tls, "version_selected").replace("TLSv1_", "TLS 1.").replace("_", "."),
    }


def _name(written: str) -> str:
    """A distinguished name as we write it, without blanks after the commas."""
    return written.replace(", ", ",")


def _ssh(service: Mapping[str, Any]) -> dict[str, str]:
    key = mapping(service, "ssh", "server_host_key")
    if not mapping(service, "ssh"):
        return {}
    kind = text_of(service, "ssh", "algorithm_selection", "host_key_algorithm") or text_of(key, "algorithm")
    shown = fields.fingerprint(kind, text_of(key, "fingerprint_sha256"))
    said = {"ssh.hostkey": shown, "ssh.banner": text_of(service, "ssh", "endpoint_id", "raw").strip()}
    return {field: value for field, value in said.items() if value}


def _others(service: Mapping[str, Any]) -> dict[str, str]:
    snmp, upnp = mapping(service, "snmp", "oid_system"), mapping(service, "upnp", "devices")
    said = {
        "snmp.sysdescr": text_of(snmp, "desc"),
        "snmp.sysname": text_of(snmp, "name"),
        "snmp.engine_id": text_of(service, "snmp", "engine", "engine_id"),
        "dns.version_bind": text_of(service, "dns", "version"),
        "upnp.manufacturer": text_of(upnp, "manufacturer"),
    }
    if inner(service, "dns", "resolves_correctly") is True:
        said["dns.recursion"] = "available"
    return {field: value for field, value in said.items() if value}
