"""Decides which faces are one box: by what only one box can show, and never by what several share."""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from .knowledge import shared_keys
from .knowledge.outside_addresses import told_in
from .model import Endpoint, Identity, Join, Observation, Transport, Vantage, is_public

# The fields that hold a key, strongest first. The engine id is RFC 3411's, the UUID the device's own.
KEYS = {
    "tls": "tls.key_sha256",
    "ssh": "ssh.hostkey",
    "upnp": "upnp.udn",
    "serial": "upnp.serial_number",
    "snmp": "snmp.engine_id",
    "cert": "tls.sha256",
}
_GATEWAYS = {"router", "modem", "gateway", "vpn-gateway", "firewall"}


@dataclass(slots=True)
class Face:
    """One address seen from one vantage: what is open there and what it said, while it is being looked at.

    `is_hairpin` marks the outside address as it answers inside. `keys`, `identity` and the inner ends of `forwards`
    were told by an earlier audit; `details` are how an index knows an endpoint; `shut` are those that answer here, and
    did not when they were asked from outside.
    """

    address: str
    vantage: Vantage
    open: list[Endpoint] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    mac: str | None = None
    is_hairpin: bool = False
    keys: tuple[str, ...] = ()
    identity: Identity | None = None
    details: dict[Endpoint, str] = field(default_factory=dict)
    forwards: dict[Endpoint, Endpoint] = field(default_factory=dict)
    shut: set[Endpoint] = field(default_factory=set)

    @property
    def is_inside(self) -> bool:
        """Whether it is the device's own side, and not the one it shows to the internet."""
        return self.vantage is Vantage.LAN and not self.is_hairpin

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The open ones, and those of UDP that answered, which is how a UDP port is known to be open."""
        said = (o.endpoint for o in self.observations if o.endpoint.transport is Transport.UDP and o.is_answer)
        return tuple(dict.fromkeys((*self.open, *said)))

    def part(self, address: str, endpoints: Iterable[Endpoint]) -> "Face":
        """The same face with these of its endpoints alone, standing at another address."""
        wanted = set(endpoints)
        heard = [o for o in self.observations if o.endpoint in wanted]
        opened = [endpoint for endpoint in self.open if endpoint in wanted]
        known = self.keys if wanted >= set(self.endpoints) else ()
        mac = self.mac if address == self.address else None
        return replace(self, address=address, open=opened, observations=heard, mac=mac, keys=known)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One port mapping as the router lists it, from the outside endpoint to the inner one.

    `lease_s` is how many seconds it lasts, "0" without end; `only_from` the one address it is open to, where it is.
    """

    outside: Endpoint
    inside: Endpoint
    description: str
    lease_s: str = ""
    only_from: str = ""


@dataclass(slots=True)
class Box:
    """The faces of one box, its keys with the address that first showed each, and what leads to it from outside.

    `is_gateway` says that this network goes out through it or, where nobody knows that, that it is of such a kind.
    """

    faces: list[Face] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    joins: list[Join] = field(default_factory=list)
    forwarded: dict[Endpoint, Endpoint] = field(default_factory=dict)
    is_gateway: bool = False

    def add(self, face: Face, keys: Iterable[str]) -> None:
        """One face more; the first key that the box already has is the reason."""
        own = list(keys)
        reason = next((key for key in own if self.keys.get(key, face.address) != face.address), None)
        if reason:
            self._say(self.keys[reason], face.address, reason)
        self.faces.append(face)
        for key in own:
            self.keys.setdefault(key, face.address)

    def absorb(self, other: "Box") -> None:
        """All of another box that turned out to be this one."""
        reason = next((key for key in other.keys if key in self.keys), None)
        if reason:
            self._say(self.keys[reason], other.keys[reason], reason)
        self.faces += other.faces
        self.joins += other.joins
        self.keys = other.keys | self.keys

    def has(self, address: str) -> bool:
        """Whether one of its own faces stands at the address."""
        return any(face.address == address for face in self.faces)

    def _say(self, first: str, second: str, key: str) -> None:
        join = Join((first, second), key)
        if first != second and join not in self.joins:
            self.joins.append(join)


IdentityOf = Callable[[Iterable[Observation]], Identity | None]


def boxes(
    faces: Sequence[Face], mappings: Sequence[Mapping], identify: IdentityOf, gateways: Sequence[str] = ()
) -> list[Box]:
    """The faces of every box.

    Inside faces are joined first. An outside address belongs to whoever names it as its own, else to the router that
    shows the same key there; of what answers behind it, a forwarded port belongs to the device that it leads to.
    """
    inside = [face for face in faces if face.is_inside]
    known = {face.address for face in inside}
    unseen = {mapping.inside.address for mapping in mappings} - known
    inside += [Face(address, Vantage.LAN) for address in sorted(unseen) if not is_public(address)]
    own = {id(face): list(_inside_keys(face)) for face in inside}
    shared = _shared(inside, own) | _shared_outside(faces)
    within = _Shelf()
    for face in inside:
        within.put(face, [key for key in own[id(face)] if key not in shared])
    outside = _Outside(within.boxes, mappings, identify, gateways, shared)
    for face in faces:
        if not face.is_inside:
            outside.place(face)
    found = [*within.boxes, *outside.strangers.boxes]
    for box in found:
        if any(is_public(face.address) for face in box.faces if face.is_inside):
            box.is_gateway = any(map(box.has, gateways)) if gateways else outside.is_gateway(box)
    return found


class _Shelf:
    """Boxes that are found by their keys, so that ten thousand faces need no ten thousand times ten thousand looks."""

    def __init__(self) -> None:
        self._boxes: dict[int, Box] = {}
        self._by_key: dict[str, Box] = {}

    @property
    def boxes(self) -> list[Box]:
        return list(self._boxes.values())

    def put(self, face: Face, keys: Sequence[str]) -> None:
        """Add a face to the box that has one of its keys; two boxes it belongs to are one."""
        homes = list({id(box): box for key in keys if (box := self._by_key.get(key))}.values()) or [Box()]
        home, *others = homes
        self._boxes[id(home)] = home
        home.add(face, keys)
        for other in others:
            home.absorb(other)
            del self._boxes[id(other)]
            self._by_key |= dict.fromkeys(other.keys, home)
        self._by_key |= dict.fromkeys(keys, home)


class _Outside:
    """Places the faces that look at the internet, one after another."""

    def __init__(
        self,
        inner: list[Box],
        mappings: Sequence[Mapping],
        identify: IdentityOf,
        gateways: Sequence[str],
        shared: set[str],
    ) -> None:
        self.strangers = _Shelf()
        self._inner = inner
        self._mapped = {mapping.outside: mapping.inside for mapping in mappings}
        self._identify = identify
        self._gateways = gateways
        self._shared = shared

    def place(self, face: Face) -> None:
        """Give each endpoint of the face to the box it leads to, and what is left to the owner of the address."""
        keyed: list[tuple[Box, Endpoint, str]] = []
        left: list[Endpoint] = []
        for endpoint in face.endpoints:
            inner = self._mapped.get(endpoint) or face.forwards.get(endpoint)
            box = next((box for box in self._inner if inner and box.has(inner.address)), None)
            if box and inner:
                self._forward(face, box, endpoint, inner)
            elif match := self._by_key(face, endpoint):
                keyed.append((match[0], endpoint, match[1]))
            else:
                left.append(endpoint)
        owner = self._owner(face.address, [box for box, _, _ in keyed], bool(left))
        for box, endpoint, key in keyed:
            if box is owner:
                left.append(endpoint)
            elif inner := _showing(box, key, endpoint):
                self._forward(face, box, endpoint, inner)
            else:
                left.append(endpoint)
        if left or not face.endpoints:
            self._settle(face.part(face.address, left), owner)

    def _settle(self, face: Face, owner: Box | None) -> None:
        keys = [key for key in (*_strong(face), f"wan:{face.address}") if key not in self._shared]
        if owner:
            owner.add(face, keys)
        else:
            self.strangers.put(face, keys)

    def _forward(self, face: Face, box: Box, endpoint: Endpoint, inner: Endpoint) -> None:
        box.forwarded[endpoint] = inner
        box.faces.append(face.part(inner.address, [endpoint]))

    def _by_key(self, face: Face, endpoint: Endpoint) -> tuple[Box, str] | None:
        for key in _strong(face.part(face.address, [endpoint])):
            holders = [box for box in self._inner if key in box.keys and key not in self._shared]
            if len(holders) == 1:
                return holders[0], key
        return None

    def _owner(self, address: str, matched: Sequence[Box], something_is_left: bool) -> Box | None:
        """The box whose own the outside address is, or None where nothing proves it."""
        naming = [box for box in self._inner if f"wan:{address}" in box.keys or box.has(address)]
        if len(naming) == 1:
            return naming[0]
        candidates = list({id(box): box for box in matched}.values())
        routers = [box for box in candidates if self.is_gateway(box)]
        if len(routers) == 1:
            return routers[0]
        alone = candidates[0] if len(candidates) == 1 and not something_is_left else None
        return alone if alone and self._kind(alone) is None else None

    def is_gateway(self, box: Box) -> bool:
        """Whether it is one of the known gateways, or of their kind."""
        return self._kind(box) in _GATEWAYS or any(box.has(address) for address in self._gateways)

    def _kind(self, box: Box) -> str | None:
        carried = next((face.identity for face in box.faces if face.identity), None)
        identity = self._identify([o for face in box.faces for o in face.observations]) or carried
        return identity.kind if identity else None


def _inside_keys(face: Face) -> Iterator[str]:
    """What tells the box apart, strongest first; the outside address only where it is one."""
    yield from _strong(face)
    for observation in face.observations:
        yield from (f"wan:{address}" for _, address in told_in(observation) if is_public(address))
    yield f"at:{face.address}"


def _strong(face: Face) -> Iterator[str]:
    for kind, name in KEYS.items():
        for observation in face.observations:
            if value := observation.fields.get(name):
                yield f"{kind}:{value.splitlines()[0]}"
    yield from face.keys
    if mac := _mac_of(face):
        yield f"mac:{mac}"


def _mac_of(face: Face) -> str | None:
    return face.mac or mac_in(face.address)


def mac_in(address: str) -> str | None:
    """The MAC that an IPv6 address was made of (EUI-64, RFC 4291 appendix A), or None."""
    ip = ipaddress.ip_address(address.split("%")[0])
    tail = ip.packed[-8:]
    if ip.version == 4 or tail[3:5] != b"\xff\xfe":
        return None
    return ":".join(f"{byte:02x}" for byte in (tail[0] ^ 2, *tail[1:3], *tail[5:]))


def _shared(faces: Sequence[Face], keys: dict[int, list[str]]) -> set[str]:
    """Keys that several boxes of the LAN carry, such as a maker's default certificate: they join nothing.

    A box is counted by its MAC, else by its IPv4 address; an IPv6 address without a known MAC may be anybody's.
    One MAC with several IPv4 addresses may be a router that answers ARP for others.
    """
    macs = {face.address: face.mac for face in faces if face.mac}
    carriers: dict[str, set[str]] = defaultdict(set)
    for face in faces:
        box = _mac_of(face) or macs.get(face.address) or face.address
        for key in keys[id(face)]:
            if key.startswith("mac:"):
                carriers[key] |= {face.address} if ":" not in face.address else set()
            elif ":" not in face.address or _mac_of(face):
                carriers[key].add(box)
    published = {f"{kind}:{hashed}" for hashed in shared_keys.owners() for kind in ("tls", "cert")}
    return published | {key for key, carrying in carriers.items() if len(carrying) > 1}


def _shared_outside(faces: Sequence[Face]) -> set[str]:
    """Keys that more than one public IPv4 address shows."""
    pairs = {
        (key, face.address) for face in faces if not face.is_inside and ":" not in face.address for key in _strong(face)
    }
    counts = Counter(key for key, _ in pairs)
    return {key for key, count in counts.items() if count > 1}


def _showing(box: Box, key: str, outer: Endpoint) -> Endpoint | None:
    """The inner endpoint that shows a key, of the family of the outer one where there is one."""
    kind, _, value = key.partition(":")
    for face in sorted(box.faces, key=lambda face: (":" in face.address) != (":" in outer.address)):
        for observation in face.observations:
            if face.is_inside and observation.fields.get(KEYS.get(kind, ""), "").split("\n")[0] == value:
                return observation.endpoint
    return None


def newest(observations: Iterable[Observation], endpoint: Endpoint) -> datetime | None:
    """When the endpoint last said anything, or None."""
    return max((o.time for o in observations if o.endpoint == endpoint), default=None)
