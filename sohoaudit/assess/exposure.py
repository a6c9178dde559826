"""Finds doors that lead to the device's controls or data and that more people can reach than should."""

import re
from collections.abc import Iterator

from ..model import Device, Evidence, Exposure
from . import Case, Draft, quoted, rule, seen
from .priority import Fact, Reach, reach_of

# What manages a device or opens its data, beside what the sweep marks; BOD 23-02 names most of it.
MANAGES = frozenset(
    (
        "adb", "afp", "dahua", "dvrip", "ftp", "ipp", "iscsi", "lpd", "nfs", "onvif", "rdp", "rlogin", "routeros-api",
        "rsh", "rsync", "rtsp", "smart-install", "smb", "snmp", "ssh", "telnet", "tftp", "tr-069", "vnc", "winbox",
        "x11",
    )
)  # fmt: skip
# A guess by the port alone is worth believing on the port everybody knows, and on none that others use as well.
_USUAL_PORTS = {
    "ssh": 22, "telnet": 23, "ftp": 21, "adb": 0, "bandwidth-test": 0, "hisilicon-debug": 0, "sercomm-backdoor": 0,
    "serial-gateway": 0,
}  # fmt: skip
_WEB = {"http", "https"}
_CWMP_PORTS = {7547, 30005}
# Told in full by rules of their own.
_TOLD_ELSEWHERE = {"upnp", "ssdp", "dns", "ntp", "mdns"}
_UNENCRYPTED = {"telnet", "ftp"}
_COMPUTERS = {"computer", "server", "desktop", "laptop", "phone", "smartphone", "tablet", "tv", "media-player"}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_PASSWORD_FIELD = re.compile(r"""<input[^>]{0,200}type\s*=\s*["']?password""", re.IGNORECASE)
_TELLING = ("http.title", "http.www_authenticate", "ssh.banner", "telnet.banner", "ftp.banner", "rtsp.server")


def protocol_of(case: Case, exposure: Exposure) -> str:
    """The protocol behind an exposure; `unknown` where only an odd port suggests one, or its name is no name."""
    inner = (exposure.internal or "").rpartition(":")[2]
    port = int(inner) if inner.isdecimal() else exposure.endpoint.port
    protocol = exposure.protocol if _NAME.fullmatch(exposure.protocol) else "unknown"
    if protocol == "cwmp" or (protocol in _WEB and port in _CWMP_PORTS):
        return "tr-069"
    if _USUAL_PORTS.get(protocol, port) != port and not _has_spoken(case, exposure):
        return "unknown"
    return protocol


def _has_spoken(case: Case, exposure: Exposure) -> bool:
    """Whether anything was heard there in the protocol that the exposure names."""
    return any(
        name.startswith(f"{exposure.protocol}.")
        for observation in case.device.observations
        if exposure in case.exposures_of(observation.endpoint)
        for name in observation.fields
    )


def is_appliance(device: Device) -> bool:
    """Whether the device is known to be a box with firmware, and not a computer or a phone."""
    kind = device.identity.kind if device.identity else None
    return kind is not None and kind not in _COMPUTERS


def manages(case: Case, exposure: Exposure) -> bool:
    """Whether the device, or its data, can be handled through this exposure.

    A web page does so where it is an appliance's or asks for a password; a computer's page may be anything.
    """
    protocol = protocol_of(case, exposure)
    if protocol in _WEB:
        return is_appliance(case.device) or asks_for_password(case, exposure)
    return protocol in MANAGES or (exposure.management and protocol != "unknown")


def asks_for_password(case: Case, exposure: Exposure) -> bool:
    """Whether the web page behind an exposure shows a password field or answers 401."""
    return any(
        name == "http.www_authenticate" or _PASSWORD_FIELD.search(value)
        for observation, name, value in case.values("http.www_authenticate", "http.body")
        if exposure in case.exposures_of(observation.endpoint)
    )


@rule("exposure.*", facts=("protocol", "door", "seen"))
def reachable(case: Case) -> Iterator[Draft]:
    """A management service the internet can reach, or an unencrypted one inside.

    A door that the router's list of mappings names is told by `upnp.port-mapping`. A sign-in page inside is normal.
    """
    mapped = {e.endpoint for e in case.device.exposures if e.evidence is Evidence.MAPPED}
    for exposure in case.device.exposures:
        protocol, reach = protocol_of(case, exposure), reach_of([exposure], case.today)
        if exposure.endpoint in mapped or protocol in _TOLD_ELSEWHERE:
            continue
        if reach is Reach.INSIDE and protocol not in _UNENCRYPTED:
            continue
        fact, door = _judged(case, exposure, protocol)
        if fact is None:
            continue
        endpoint = exposure.endpoint
        said = [quoted(name, value) for o, name, value in case.values(*_TELLING) if o.endpoint == endpoint]
        yield Draft(
            rule=f"exposure.{protocol}",
            fact=fact,
            reach=reach,
            evidence=(seen(exposure), *said),
            discriminator=f"{protocol}:{endpoint.transport}:{endpoint.port}",
            facts={"protocol": protocol, "door": door, "seen": exposure.evidence.value},
            endpoint=endpoint,
        )


def _judged(case: Case, exposure: Exposure, protocol: str) -> tuple[Fact | None, str]:
    """What an exposure means, and the name of its door; a page of an unknown box is worth finding out about."""
    if manages(case, exposure):
        return Fact.MANAGEMENT, "sign-in" if asks_for_password(case, exposure) else protocol
    if protocol == "sip":
        return Fact.FINE, protocol
    is_page_of_nobody = protocol in _WEB and not (case.device.identity and case.device.identity.kind)
    is_odd = protocol == "unknown" and exposure.management
    return (Fact.UNKNOWN if is_page_of_nobody or is_odd else None), "web" if is_page_of_nobody else protocol
