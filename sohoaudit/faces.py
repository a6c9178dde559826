"""Joins what was seen at several addresses and from several vantages into devices: one box, one Device."""

import hashlib
import ipaddress
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .knowledge import ports
from .model import (
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Identity,
    Observation,
    Service,
    Transport,
    Vantage,
    is_public,
)

Identify = Callable[[Iterable[Observation]], Identity | None]


@dataclass(slots=True)
class Face:
    """One address seen from one vantage: what is open there and what it said, while it is being looked at."""

    address: str
    vantage: Vantage
    open: list[Endpoint] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """One port mapping as the router lists it, from the outside endpoint to the inner one."""

    outside: Endpoint
    inside: Endpoint
    description: str


def devices(faces: Sequence[Face], identify: Identify) -> tuple[Device, ...]:
    """One Device a box, LAN addresses first.

    Faces are joined by a TLS key, SSH host key, UPnP UUID or serial number that no two boxes share, by the outside
    address that the router itself names, and IPv4 with IPv6 by the MAC. What answers behind a port mapping belongs
    to the inner device.
    """
    mappings = [mapping for face in faces for mapping in _mappings(face)]
    placed = _behind_mappings(list(faces), mappings)
    keys = {id(face): list(_keys(face)) for face in placed}
    shared = _shared_keys(placed, keys)
    groups = _groups(placed, {owner: [key for key in own if key not in shared] for owner, own in keys.items()})
    built = [_device(group, keys, shared, mappings, identify) for group in groups]
    return tuple(sorted(built, key=lambda device: _by_number(device.addresses[0])))


_MAPPING = re.compile(r'(TCP|UDP) (\d+) ([0-9a-fA-F.:\[\]]+):(\d+)(?: (?!disabled).*?(?:"(.*)")?)?$')


def _mappings(face: Face) -> Iterator[Mapping]:
    for observation in face.observations:
        outside = observation.fields.get("upnp.external_address")
        for line in observation.fields.get("upnp.mapping", "").splitlines():
            if outside and (match := _MAPPING.match(line)):
                transport = Transport(match[1].lower())
                inside = Endpoint(match[3].strip("[]"), int(match[4]), transport)
                yield Mapping(Endpoint(outside, int(match[2]), transport), inside, match[5] or "")


def _behind_mappings(faces: list[Face], mappings: Sequence[Mapping]) -> list[Face]:
    """What an outside face shows behind a mapping is moved to the inner device, which may not have answered itself."""
    for mapping in mappings:
        outer = [face for face in faces if face.vantage is Vantage.INTERNET and mapping.outside in face.open]
        for face in outer:
            inner = Face(mapping.inside.address, Vantage.INTERNET, [mapping.outside])
            inner.observations = [o for o in face.observations if o.endpoint == mapping.outside]
            face.open = [endpoint for endpoint in face.open if endpoint != mapping.outside]
            face.observations = [o for o in face.observations if o.endpoint != mapping.outside]
            faces.append(inner)
    known = {face.address for face in faces}
    silent = {mapping.inside.address for mapping in mappings} - known
    return faces + [Face(address, Vantage.LAN) for address in sorted(silent) if not is_public(address)]


def _keys(face: Face) -> Iterator[str]:
    """What tells the box apart, strongest first."""
    named = (
        ("tls", "tls.key_sha256"),
        ("ssh", "ssh.hostkey"),
        ("upnp", "upnp.udn"),
        ("serial", "upnp.serial_number"),
    )
    for prefix, name in named:
        for observation in face.observations:
            if value := observation.fields.get(name):
                yield f"{prefix}:{value.splitlines()[0]}"
    if face.mac:
        yield f"mac:{face.mac}"
    for observation in face.observations:
        for name in ("upnp.external_address", "natpmp.external_address"):
            address = observation.fields.get(name)
            if address and _is_public_text(address):
                yield f"wan:{address}"
    if face.vantage is Vantage.INTERNET and face.open:
        yield f"wan:{face.open[0].address}" if face.open[0].address == face.address else f"at:{face.address}"
    elif face.vantage is Vantage.LAN:
        yield f"at:{face.address}"


def _shared_keys(faces: Iterable[Face], keys: dict[int, list[str]]) -> set[str]:
    """Keys that several boxes of the LAN carry, such as a maker's default certificate: they join nothing."""
    carriers: dict[str, set[str]] = defaultdict(set)
    for face in faces:
        if face.vantage is Vantage.LAN:
            for key in keys[id(face)]:
                carriers[key].add(face.mac or face.address)
                if key.startswith("mac:"):
                    carriers[key].add(face.address)
    # One MAC with several IPv4 addresses may be a router that answers ARP for others.
    return {
        key
        for key, boxes in carriers.items()
        if (len([box for box in boxes if ":" not in box]) > 1 if key.startswith("mac:") else len(boxes) > 1)
    }


def _groups(faces: Sequence[Face], keys: dict[int, list[str]]) -> list[list[Face]]:
    groups: list[tuple[set[str], list[Face]]] = []
    for face in faces:
        own = set(keys[id(face)])
        joined = [group for group in groups if group[0] & own]
        merged = (own.union(*(known for known, _ in joined)), [f for _, members in joined for f in members] + [face])
        groups = [group for group in groups if group not in joined] + [merged]
    return [members for _, members in groups]


def _device(
    group: Sequence[Face],
    keys: dict[int, list[str]],
    shared: set[str],
    mappings: Iterable[Mapping],
    identify: Identify,
) -> Device:
    faces = sorted(group, key=lambda face: (face.vantage is not Vantage.LAN, _by_number(face.address)))
    observations = tuple(observation for face in faces for observation in face.observations)
    addresses = tuple(dict.fromkeys(face.address for face in faces))
    own = dict.fromkeys(key for face in faces for key in keys[id(face)] if key not in shared)
    order = ("tls", "ssh", "upnp", "serial", "mac")
    telling = sorted(
        (key for key in own if key.partition(":")[0] in order), key=lambda key: order.index(key.partition(":")[0])
    )
    services = tuple(_service(endpoint, observations) for endpoint in _endpoints(faces))
    device = Device(
        id="dev-" + hashlib.sha256((telling[0] if telling else f"at:{addresses[0]}").encode()).hexdigest()[:10],
        addresses=addresses,
        mac=next((face.mac for face in faces if face.mac), None),
        hostname=next((o.fields["snmp.sysname"] for o in observations if o.fields.get("snmp.sysname")), None),
        identity=identify(observations),
        services=services,
        keys=tuple(telling),
        observations=observations,
    )
    return replace(device, exposures=(*_connected(device, faces), *_mapped(device, mappings)))


def _endpoints(faces: Iterable[Face]) -> tuple[Endpoint, ...]:
    opened = [endpoint for face in faces for endpoint in face.open]
    # A UDP port is known to be open by its answer alone.
    answered = [
        observation.endpoint
        for face in faces
        for observation in face.observations
        if observation.endpoint.transport is Transport.UDP and observation.is_answer
    ]
    return tuple(sorted(dict.fromkeys(opened + answered)))


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


def _product(observations: Iterable[Observation]) -> tuple[str | None, str | None]:
    """The software as its banner names it: "lighttpd/1.4.59", "SSH-2.0-dropbear_2019.78"."""
    for observation in observations:
        for name in ("http.server", "ssh.banner", "upnp.server", "sip.server", "rtsp.server", "dns.version_bind"):
            text = observation.fields.get(name, "").splitlines()
            if text:
                banner = re.sub(r"^SSH-[\d.]+-", "", text[0])
                match = _PRODUCT.match(banner)
                return (match["product"], match["version"]) if match else (banner[:80], None)
    return None, None


def _connected(device: Device, faces: Iterable[Face]) -> Iterator[Exposure]:
    """The exposures that only a face knows: its services were reached from the internet."""
    outside = {endpoint for face in faces if face.vantage is Vantage.INTERNET for endpoint in face.open}
    outside |= {o.endpoint for o in device.observations if o.vantage is Vantage.INTERNET}
    for service in device.services:
        if service.endpoint in outside:
            time = next((o.time for o in device.observations if o.endpoint == service.endpoint), None)
            yield Exposure(
                service.endpoint,
                service.protocol,
                Vantage.INTERNET,
                Evidence.CONNECTED,
                service.management,
                detail=f"answered at {time:%Y-%m-%d %H:%M} UTC" if time else "answered",
            )


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
                detail=f'the router lists it as "{mapping.description}"' if mapping.description else "",
            )


def _is_public_text(address: str) -> bool:
    try:
        return is_public(address)
    except ValueError:
        return False


def _by_number(address: str) -> tuple[int, bytes]:
    ip = ipaddress.ip_address(address.split("%")[0])
    return ip.version, ip.packed
