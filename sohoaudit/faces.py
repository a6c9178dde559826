"""Turns what was seen at several addresses and from several vantages into devices: one box, one Device."""

import hashlib
import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from .joining import Box, Face, IdentityOf, Mapping, boxes, newest
from .knowledge import ports
from .model import Device, Endpoint, Evidence, Exposure, Identity, Observation, Service, Transport, Vantage, is_public

__all__ = ["Face", "Mapping", "devices"]

_TELLING = ("tls", "ssh", "upnp", "serial", "snmp", "cert", "mac")


def devices(faces: Sequence[Face], identify: IdentityOf, gateways: Sequence[str] = ()) -> tuple[Device, ...]:
    """One Device a box, LAN addresses first; `joining` says how they are told apart.

    What answers behind a port mapping belongs to the inner device. `gateways` are this network's known routers.
    """
    mappings = [mapping for face in faces for mapping in _mappings(face)]
    found = boxes(faces, mappings, identify, gateways)
    firewall = {
        o.fields["upnp.ipv6_firewall"] for face in faces for o in face.observations if "upnp.ipv6_firewall" in o.fields
    }
    built = [_device(box, mappings, identify, firewall == {"on"}) for box in found]
    return tuple(sorted(built, key=lambda device: _by_number(device.addresses[0])))


_MAPPING = re.compile(
    r"(?P<transport>TCP|UDP) (?P<outer>\d+) (?P<client>[0-9a-fA-F.:\[\]]+):(?P<inner>\d+)"
    r"(?: (?!disabled)\S*(?: lease=(?P<lease>\d*))?(?: from=(?P<source>\S+))?(?:.*?\"(?P<description>.*)\")?.*)?$"
)


def _mappings(face: Face) -> Iterator[Mapping]:
    """The mappings that lead in from the internet: a gateway without a public address forwards nothing from there."""
    for observation in face.observations:
        outside = observation.fields.get("upnp.external_address")
        for line in observation.fields.get("upnp.mapping", "").splitlines():
            if outside and (match := _MAPPING.match(line)):
                transport = Transport(match["transport"].lower())
                try:
                    client = str(ipaddress.ip_address(match["client"].strip("[]")))
                    inside = Endpoint(client, int(match["inner"]), transport)
                    if is_public(outside):
                        told = (match["description"] or "", match["lease"] or "", match["source"] or "")
                        yield Mapping(Endpoint(outside, int(match["outer"]), transport), inside, *told)
                except ValueError:
                    continue


def _device(box: Box, mappings: Iterable[Mapping], identify: IdentityOf, is_firewalled: bool) -> Device:
    faces = sorted(box.faces, key=lambda face: (not face.is_inside, _by_number(face.address)))
    observations = tuple(observation for face in faces for observation in face.observations)
    addresses = tuple(dict.fromkeys(face.address for face in faces))
    telling = sorted(
        (key for key in box.keys if key.partition(":")[0] in _TELLING),
        key=lambda key: _TELLING.index(key.partition(":")[0]),
    )
    services = tuple(_service(endpoint, observations) for endpoint in _endpoints(faces))
    device = Device(
        id="dev-" + hashlib.sha256((telling[0] if telling else f"at:{addresses[0]}").encode()).hexdigest()[:10],
        addresses=addresses,
        mac=next((face.mac for face in faces if face.mac), None),
        hostname=next((o.fields["snmp.sysname"] for o in observations if o.fields.get("snmp.sysname")), None),
        identity=_identity(faces, observations, identify),
        services=services,
        keys=tuple(telling),
        observations=observations,
        joins=tuple(box.joins),
    )
    exposures = dict.fromkeys((*_reached(device, faces, box, is_firewalled), *_mapped(device, mappings)))
    return replace(device, exposures=tuple(exposures))


def _identity(faces: Sequence[Face], observations: Iterable[Observation], identify: IdentityOf) -> Identity | None:
    """What it says now; where that names no maker, what an earlier audit made of pages that are gone."""
    fresh = identify(observations)
    carried = next((face.identity for face in faces if face.identity), None)
    is_named = fresh and (fresh.vendor or "decoy" in fresh.traits)
    return fresh if is_named or not carried else carried


def _endpoints(faces: Iterable[Face]) -> tuple[Endpoint, ...]:
    return tuple(sorted({endpoint for face in faces for endpoint in face.endpoints}))


def _service(endpoint: Endpoint, observations: Iterable[Observation]) -> Service:
    here = [observation for observation in observations if observation.endpoint == endpoint]
    usual = ports.known(endpoint.port, endpoint.transport).protocol
    spoken = [o.probe for o in here if o.probe not in ("", "banner", "tls")]
    protocol = Counter(spoken).most_common(1)[0][0] if spoken else usual
    if protocol == "unknown" and any(o.probe == "tls" for o in here):
        protocol = "tls"
    product, version = _product(here)
    manages = ports.manages(protocol, endpoint.port, endpoint.transport)
    return Service(endpoint, protocol, product, version, manages)


_PRODUCT = re.compile(r"(?P<product>[A-Za-z][A-Za-z0-9 ._-]*?)[/_ ]v?(?P<version>\d[\w.]*)")


def _product(observations: Sequence[Observation]) -> tuple[str | None, str | None]:
    """The software as its banner names it: "lighttpd/1.4.59", "SSH-2.0-dropbear_2019.78"."""
    for observation in observations:
        for name in ("http.server", "ssh.banner", "upnp.server", "sip.server", "rtsp.server", "dns.version_bind"):
            text = observation.fields.get(name, "").splitlines()
            if text:
                banner = re.sub(r"^SSH-[\d.]+-", "", text[0])
                match = _PRODUCT.match(banner)
                return (match["product"], match["version"]) if match else (banner[:80], None)
    # As the program named it whose file was imported.
    told = (o.fields for o in observations if "service.product" in o.fields)
    return next(((f["service.product"], f.get("service.version")) for f in told), (None, None))


_EVIDENCE = {Vantage.INTERNET: Evidence.CONNECTED, Vantage.INDEX: Evidence.INDEXED, Vantage.LAN: Evidence.HAIRPIN}


def _reached(device: Device, faces: Sequence[Face], box: Box, is_firewalled: bool) -> Iterator[Exposure]:
    """The exposures that only a face knows: from where its services were reached."""
    services = {service.endpoint: service for service in device.services}
    for face in faces:
        for endpoint in face.endpoints:
            if face.is_inside and not is_public(endpoint.address):
                continue
            inner = box.forwarded.get(endpoint)
            evidence = Evidence.GLOBAL_ADDRESS if face.is_inside else _EVIDENCE[face.vantage]
            yield Exposure(
                endpoint,
                services[endpoint].protocol,
                face.vantage,
                evidence,
                services[endpoint].management,
                internal=str(inner).removesuffix("/udp") if inner else None,
                detail=_detail(face, endpoint, evidence),
                doubt=_doubt(endpoint, face, box, is_firewalled) if face.vantage is Vantage.LAN else "",
            )


def _doubt(endpoint: Endpoint, face: Face, box: Box, is_firewalled: bool) -> str:
    """Why the internet may not reach what answered inside on one of its addresses; nothing where it was reached.

    A router takes what is sent to any of its addresses from inside as if it were sent to its inside one.
    """
    if any(other.vantage is Vantage.INTERNET and endpoint in other.endpoints for other in box.faces):
        return ""
    if endpoint in face.shut:
        return "shut"
    if face.is_inside and is_firewalled and ":" in endpoint.address:
        return "firewall"
    is_router = face.is_hairpin or box.is_gateway
    return "own-side" if is_router and endpoint not in box.forwarded and _is_open_beside(endpoint, box) else ""


def _is_open_beside(endpoint: Endpoint, box: Box) -> bool:
    """Whether the same port is open on another inside address of the box."""
    beside = (face for face in box.faces if face.is_inside and face.address != endpoint.address)
    ports_open = ((e.port, e.transport) for face in beside for e in face.endpoints)
    return (endpoint.port, endpoint.transport) in ports_open


def _detail(face: Face, endpoint: Endpoint, evidence: Evidence) -> str:
    time = newest(face.observations, endpoint)
    if evidence is Evidence.CONNECTED:
        return f"answered at {time:%Y-%m-%d %H:%M} UTC" if time else "answered"
    return face.details.get(endpoint, f"{time:%Y-%m-%d}" if time and evidence is Evidence.INDEXED else "")


def _mapped(device: Device, mappings: Iterable[Mapping]) -> Iterator[Exposure]:
    protocols = {service.endpoint: service for service in device.services}
    for mapping in dict.fromkeys(mappings):
        if mapping.inside.address in device.addresses:
            service = protocols.get(mapping.inside) or _service(mapping.inside, device.observations)
            yield Exposure(
                mapping.outside,
                service.protocol,
                Vantage.LAN,
                Evidence.MAPPED,
                service.management,
                internal=f"{mapping.inside.address}:{mapping.inside.port}",
                detail=_told(mapping),
            )


def _told(mapping: Mapping) -> str:
    """What the router says of a mapping beside its ends."""
    lease = _lease(mapping.lease_s)
    source = f"open to {mapping.only_from} alone" if mapping.only_from else ""
    named = f'the router lists it as "{mapping.description}"' if mapping.description else ""
    return ", ".join(part for part in (named, lease, source) if part)


def _by_number(address: str) -> tuple[int, bytes]:
    ip = ipaddress.ip_address(address.split("%")[0])
    return ip.version, ip.packed


def _lease(seconds: str) -> str:
    """How long a mapping lasts, in whole hours or days rounded up: its countdown is no change from run to run."""
    if not seconds.isdecimal():
        return ""
    hours = math.ceil(int(seconds) / 3_600)
    if hours == 0:
        return "without end"
    return f"for up to {hours} h" if hours <= 48 else f"for up to {math.ceil(hours / 24)} days"
