"""Says what changed between two audits; gone is only what was looked at again."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from ..knowledge.gaps import Reason, reason_of
from ..model import Audit, Device, Endpoint, Evidence, Exposure, Finding, Priority, Service, Transport, is_public
from .recognise import keys_of, vendor_of


class What(StrEnum):
    """What happened, in the order it is told; `UNSEEN` is not there, and was not looked at again."""

    NEW = "new"
    BACK = "back"
    CHANGED = "changed"
    GONE = "gone"
    UNSEEN = "unseen"


class Kind(StrEnum):
    """What it happened to, in the order it is told."""

    FINDING = "finding"
    EXPOSURE = "exposure"
    FIRMWARE = "firmware"
    DEVICE = "device"
    ADDRESS = "address"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one device; `finding` is the newest form of the finding it is about.

    `before` and `after` are what stood there, empty where nothing did. `why` says why something unseen could not be
    looked at again. `door` is the service or exposure it is about.
    """

    what: What
    kind: Kind
    device: Device
    before: str = ""
    after: str = ""
    finding: Finding | None = None
    priority: Priority | None = None
    endpoint: Endpoint | None = None
    why: Reason | None = None
    door: Service | Exposure | None = None

    @property
    def is_notable(self) -> bool:
        """Whether a person wants to be woken for it: not for a new address, and not for a phone that sleeps."""
        return self.what is not What.UNSEEN and self.kind is not Kind.ADDRESS

    @property
    def subject(self) -> str:
        """What it is about, in one line."""
        if self.finding:
            return self.finding.title
        return self.after or self.before


@dataclass(frozen=True, slots=True)
class Difference:
    """Two audits and what changed from the first to the second, most pressing first."""

    old: Audit
    new: Audit
    changes: tuple[Change, ...]

    @property
    def notable(self) -> tuple[Change, ...]:
        """What a person wants to be woken for; what a new device or a finding says already is not told twice."""
        fresh = {c.device.id for c in self.changes if c.kind is Kind.DEVICE and c.what is What.NEW}
        told = {(c.device.id, _door(c.endpoint)) for c in self.changes if c.kind is Kind.FINDING and c.endpoint}
        doors = (Kind.SERVICE, Kind.EXPOSURE)
        return tuple(
            change
            for change in self.changes
            if change.is_notable
            and not (change.kind in doors and change.device.id in fresh)
            and not (change.kind in doors and (change.device.id, _door(change.endpoint)) in told)
        )


def compare(old: Audit, new: Audit, fixed_before: Collection[str] = ()) -> Difference:
    """What changed; both audits name their devices and findings by lasting ids (`recognise.aligned`, or the history).

    Args:
        old: the earlier audit.
        new: the later one.
        fixed_before: ids of findings that were fixed at some time before, and so come back where they appear.
    """
    before = {device.id: device for device in old.devices}
    after = {device.id: device for device in new.devices}
    changes: list[Change] = []
    for device in new.devices:
        if device.id in before:
            changes += _of_one(old, before[device.id], new, device, fixed_before)
        else:
            changes.append(Change(What.NEW, Kind.DEVICE, device, after=described(device)))
            changes += (_new_finding(old, device, finding, fixed_before) for finding in device.findings)
    for device in old.devices:
        if device.id not in after:
            why = why_unseen(old, device, new, None)
            changes.append(Change(What.UNSEEN, Kind.DEVICE, device, before=described(device), why=why))
    return Difference(old, new, tuple(sorted(changes, key=_order)))


def described(device: Device) -> str:
    """Maker and model and the address, as a line of a list names a device."""
    name = (device.identity.name if device.identity else "") or device.hostname or "unknown device"
    return f"{name} at {device.addresses[0]}" if device.addresses else name


def why_unseen(
    old: Audit, before: Device, new: Audit, after: Device | None, about: Finding | Service | Exposure | None = None
) -> Reason | None:
    """Why the new audit cannot tell whether something is gone; None where it was looked at again.

    Args:
        old: the audit that saw it.
        before: its device then.
        new: the audit that did not see it.
        after: the device now, or None where it did not answer.
        about: the finding, service or exposure; None asks about the device as a whole.
    """
    if not new.is_complete:
        return Reason("cut-short")
    if new.scope.vantage is not old.scope.vantage:
        return Reason("other-vantage", new.scope.vantage.value)
    if after is None:
        was_asked = any(new.scope.holds(address) for address in before.addresses)
        return Reason("silent" if was_asked else "not-in-scope")
    if any(gap.subject in after.addresses for gap in new.coverage):
        return next(reason_of(gap) for gap in new.coverage if gap.subject in after.addresses)
    if vendor_of(before) and not vendor_of(after) and not keys_of(before) & keys_of(after):
        # Known again by its place alone, which another box may have taken.
        return Reason("unrecognised")
    endpoint = about.endpoint if about else None
    if endpoint and (why := _why_door_unseen(old, before, new, after, endpoint, needs_mappings(before, about))):
        return why
    is_firmware = isinstance(about, Finding) and about.rule.startswith("firmware.")
    return _why_firmware_unseen(before, after) if is_firmware else None


def ports_asked(audit: Audit, transport: Transport) -> frozenset[int] | None:
    """The ports an audit asked each device for; None where it does not say, as one made of other programs' files."""
    from ..knowledge import ports

    told = audit.settings.get(f"{transport} ports asked")
    if told is not None:
        return frozenset(int(text) for text in re.findall(r"\d+", told))
    if f"{transport} ports" not in audit.settings:
        return None
    return frozenset(port.port for port in ports.default_ports(transport))


def _of_one(old: Audit, before: Device, new: Audit, after: Device, fixed_before: Collection[str]) -> Iterator[Change]:
    yield from _identities(before, after)
    if before.addresses != after.addresses and before.addresses and after.addresses:
        yield Change(What.CHANGED, Kind.ADDRESS, after, ", ".join(before.addresses), ", ".join(after.addresses))
    yield from _findings(old, before, new, after, fixed_before)
    yield from _doors(old, before, new, after, Kind.SERVICE)
    yield from _doors(old, before, new, after, Kind.EXPOSURE)


def _identities(before: Device, after: Device) -> Iterator[Change]:
    was, now = before.identity, after.identity
    if was and now and was.firmware and now.firmware and was.firmware != now.firmware:
        yield Change(What.CHANGED, Kind.FIRMWARE, after, was.firmware, now.firmware)
    names = [identity.name if identity else "" for identity in (was, now)]
    # A device that tells less of itself than before is the same device.
    if now and names[0] != names[1] and (now.model or not names[0]):
        yield Change(What.CHANGED, Kind.DEVICE, after, names[0] or "not recognised", names[1])


def _findings(old: Audit, before: Device, new: Audit, after: Device, fixed_before: Collection[str]) -> Iterator[Change]:
    then = {finding.id: finding for finding in before.findings}
    now = {finding.id: finding for finding in after.findings}
    for identifier, finding in now.items():
        was = then.get(identifier)
        if was is None:
            yield _new_finding(old, after, finding, fixed_before)
        elif was.priority is not finding.priority or set(was.cves) != set(finding.cves):
            yield Change(
                What.CHANGED, Kind.FINDING, after, _weight(was), _weight(finding), finding, finding.priority,
                finding.endpoint,
            )  # fmt: skip
    for identifier, finding in then.items():
        if identifier not in now:
            why = why_unseen(old, before, new, after, finding)
            what = What.UNSEEN if why else What.GONE
            yield Change(
                what, Kind.FINDING, after, _weight(finding), "", finding, finding.priority, finding.endpoint, why
            )


def _new_finding(old: Audit, device: Device, finding: Finding, fixed_before: Collection[str]) -> Change:
    was_there = finding.first_seen is not None and finding.first_seen < old.started
    what = What.BACK if finding.id in fixed_before or was_there else What.NEW
    return Change(what, Kind.FINDING, device, "", _weight(finding), finding, finding.priority, finding.endpoint)


def _weight(finding: Finding) -> str:
    cves = f" ({', '.join(finding.cves)})" if finding.cves else ""
    return f"{finding.priority}{cves}"


def _doors(old: Audit, before: Device, new: Audit, after: Device, kind: Kind) -> Iterator[Change]:
    """Services, or the exposures beyond the LAN: told apart by port and evidence, never by address."""
    then, now = ({_key(door): door for door in _of(device, kind)} for device in (before, after))
    for key, door in now.items():
        if key not in then:
            yield Change(What.NEW, kind, after, after=_told(door), endpoint=door.endpoint, door=door)
    for key, door in then.items():
        if key not in now:
            why = why_unseen(old, before, new, after, door)
            what = What.UNSEEN if why else What.GONE
            yield Change(what, kind, after, before=_told(door), endpoint=door.endpoint, why=why, door=door)


def _of(device: Device, kind: Kind) -> Iterable[Service | Exposure]:
    if kind is Kind.SERVICE:
        return device.services
    return (exposure for exposure in device.exposures if exposure.evidence is not Evidence.LAN_ONLY)


def _key(door: Service | Exposure) -> tuple[str, ...]:
    # One port of the inside and of the outside are two doors of one box.
    side = "outside" if is_public(door.endpoint.address) else "inside"
    evidence = door.evidence.value if isinstance(door, Exposure) else ""
    return (side, *_door(door.endpoint), evidence)


def _door(endpoint: Endpoint | None) -> tuple[str, ...]:
    return (endpoint.transport.value, str(endpoint.port)) if endpoint else ()


def _told(door: Service | Exposure) -> str:
    if isinstance(door, Exposure):
        inner = f" to {door.internal}" if door.internal else ""
        return f"{door.protocol} at {door.endpoint}{inner} ({door.evidence})"
    product = " ".join(part for part in (door.product, door.version) if part)
    return f"{door.protocol} at {door.endpoint}" + (f" ({product})" if product else "")


def needs_mappings(before: Device, about: Finding | Service | Exposure | None) -> bool:
    """Whether only the router's list of mappings, or a look from outside, tells that something is still there."""
    if isinstance(about, Exposure):
        return about.evidence is Evidence.MAPPED
    if not isinstance(about, Finding):
        return False
    mapped = {exposure.endpoint for exposure in before.exposures if exposure.evidence is Evidence.MAPPED}
    return about.rule == "upnp.port-mapping" or about.endpoint in mapped


def _why_door_unseen(
    old: Audit, before: Device, new: Audit, after: Device, endpoint: Endpoint, is_mapped: bool
) -> Reason | None:
    asked = ports_asked(new, endpoint.transport)
    is_asked = asked is not None and endpoint.port in asked
    if is_public(endpoint.address):
        is_seen_from_outside = _is_face_seen(new, after, endpoint.address)
        if is_mapped:
            return None if is_seen_from_outside and is_asked else _why_mappings_unseen(old, new)
        if not is_seen_from_outside:
            return Reason("outside-unseen")
    if not is_asked:
        return Reason("port-unasked", str(endpoint.port))
    places = {
        str(Endpoint(address, endpoint.port, endpoint.transport)) for address in (endpoint.address, *after.addresses)
    }
    return next((reason_of(gap) for gap in new.coverage if gap.subject in places), None)


def _is_face_seen(new: Audit, after: Device, address: str) -> bool:
    """Whether the outside address answered; the provider may have given the device another one since."""
    outside = {own for own in after.addresses if is_public(own)} | {address}
    answered = {own for device in new.devices for own in device.addresses}
    return any(new.scope.holds(own) and own in answered for own in outside)


def _why_mappings_unseen(old: Audit, new: Audit) -> Reason | None:
    """The list of mappings is kept by a router, which must have given it again: a list not given is not empty."""
    keepers = {device.id for device in old.devices if lists_mappings(device)}
    now = [device for device in new.devices if device.id in keepers]
    for device in now:
        places = {*device.addresses, *(str(service.endpoint) for service in device.services)}
        if gap := next((gap for gap in new.coverage if gap.subject in places), None):
            return Reason("list-unread", reason_of(gap))
    if not now:
        return Reason("list-keeper-silent")
    return None if any(lists_mappings(device) for device in now) else Reason("list-missing")


def lists_mappings(device: Device) -> bool:
    """Whether the device keeps a list of mappings: it speaks UPnP, SSDP, NAT-PMP or PCP (port 5351)."""
    return any(s.protocol in ("upnp", "ssdp", "natpmp") or s.endpoint.port in (1900, 5351) for s in device.services)


def _why_firmware_unseen(before: Device, after: Device) -> Reason | None:
    was, now = before.identity, after.identity
    if was and (was.model or was.fork) and not (now and (now.model or now.fork)):
        return Reason("unrecognised")
    if was and was.firmware and not (now and now.firmware):
        return Reason("version-untold")
    return None


def _order(change: Change) -> tuple[int, int, int, str, str]:
    kind = list(Kind).index(change.kind)
    priority = change.priority.rank if change.priority else 9
    is_last = change.what is What.UNSEEN
    address = change.device.addresses[0] if change.device.addresses else ""
    return (9 if is_last else kind, priority, list(What).index(change.what), address, change.subject)


def carried(old: Audit, before: Device, new: Audit, after: Device) -> Device:
    """What is known of a device after a new look: the new, and of the old what could not be looked at again."""
    doors: dict[Kind, list[Service | Exposure]] = {}
    for kind in (Kind.SERVICE, Kind.EXPOSURE):
        now = {_key(door) for door in _of(after, kind)}
        doors[kind] = [
            door for door in _of(before, kind) if _key(door) not in now and why_unseen(old, before, new, after, door)
        ]
    present = {finding.id for finding in after.findings}
    return replace(
        after,
        identity=before.identity if _why_firmware_unseen(before, after) else after.identity,
        services=(*after.services, *(door for door in doors[Kind.SERVICE] if isinstance(door, Service))),
        exposures=(*after.exposures, *(door for door in doors[Kind.EXPOSURE] if isinstance(door, Exposure))),
        findings=(
            *after.findings,
            *(f for f in before.findings if f.id not in present and why_unseen(old, before, new, after, f)),
        ),
    )
