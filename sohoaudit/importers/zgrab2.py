"""Reads zgrab2's lines: one host a line, `data` by module, each with what was heard (zgrab2's `zgrab2_schemas`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from . import Damage, Head, Seen, endpoint, fields, importer, moment
from .json_text import inner, listing, mapping, objects, text_of

# Where a module's ports are, as long as the line does not say it.
_PORTS = {
    "http": 80, "ssh": 22, "telnet": 23, "ftp": 21, "smtp": 25, "imap": 143, "pop3": 110, "tls": 443, "banner": 80,
    "mssql": 1433, "mysql": 3306, "modbus": 502, "bacnet": 47808, "fox": 1911, "siemens": 102, "dnp3": 20000,
    "smb": 445, "ipp": 631, "ntp": 123, "redis": 6379, "socks5": 1080, "pptp": 1723, "mqtt": 1883,
}  # fmt: skip
_UDP = {"ntp", "bacnet"}


def _is_zgrab2(head: Head) -> bool:
    modules = mapping(head.first, "data")
    is_a_host = "ip" in head.first or "domain" in head.first
    return is_a_host and any(isinstance(each, Mapping) and "status" in each for each in modules.values())


@importer("zgrab2", _is_zgrab2)
def read(text: str) -> Iterator[Seen | Damage]:
    """Every module that was answered."""
    for record in objects(text):
        if isinstance(record, str):
            yield Damage(record)
            continue
        for name, scan in mapping(record, "data").items():
            yield from _seen(record, name, mapping(scan))


def _seen(record: Mapping[str, Any], name: str, scan: Mapping[str, Any]) -> Iterator[Seen]:
    protocol = text_of(scan, "protocol") or name
    result = mapping(scan, "result")
    if text_of(scan, "status") not in ("success", "application-error", "protocol-error") or not result:
        return
    port = scan.get("port") or inner(result, "response", "request", "url", "port") or _PORTS.get(protocol)
    is_secure = bool(_certificate(result)) or text_of(result, "response", "request", "url", "scheme") == "https"
    there = endpoint(record.get("ip"), _port(result, is_secure) or port, "udp" if protocol in _UDP else "tcp")
    if there:
        said = _fields(protocol, result)
        probe = "" if protocol in ("banner", "tls") else fields.protocol(protocol, is_secure=is_secure)
        yield Seen(there, said, probe, moment(scan.get("timestamp")))


def _port(result: Mapping[str, Any], is_secure: bool) -> int | None:
    """The port that a page was asked from: only its address tells where `--port` was another."""
    host = text_of(result, "response", "request", "host") or text_of(result, "response", "request", "url", "host")
    _, colon, port = host.rpartition(":")
    if colon and port.isdecimal() and not host.endswith("]"):
        return int(port)
    return 443 if host and is_secure else None


def _fields(protocol: str, result: Mapping[str, Any]) -> dict[str, str]:
    said = fields.certificate(_certificate(result))
    match protocol:
        case "http":
            response = mapping(result, "response")
            headers = [
                (name, str(value))
                for name, values in mapping(response, "headers").items()
                if name != "unknown"
                for value in (values if isinstance(values, list) else [values])
            ]
            headers += [
                (text_of(each, "key"), str(value))
                for each in listing(response, "headers", "unknown")
                for value in listing(each, "value")
            ]
            said |= fields.http(text_of(response, "status_code"), headers, text_of(response, "body"))
        case "ssh":
            said |= {"ssh.banner": text_of(result, "server_id", "raw"), "ssh.hostkey": _host_key(result)}
        case "telnet" | "ftp" | "smtp" | "banner" | "imap" | "pop3":
            said |= fields.greeting(protocol, text_of(result, "banner"))
    return said


def _certificate(result: Mapping[str, Any]) -> str:
    for way in (("response", "request", "tls_log"), ("tls",), ()):
        log = mapping(result, *way, "handshake_log")
        if raw := text_of(log, "server_certificates", "certificate", "raw"):
            return raw
    return ""


def _host_key(result: Mapping[str, Any]) -> str:
    key = mapping(result, "key_exchange", "server_host_key")
    return fields.fingerprint(text_of(key, "algorithm"), text_of(key, "fingerprint_sha256"))
