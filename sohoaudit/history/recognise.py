"""Recognises the devices of one audit among those that are known, over new addresses, keys and firmware."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..model import Audit, Certainty, Device, Finding

# Keys that belong to the hardware: two boxes that differ in one of them are two boxes. A keyed serial is not among
# them, since another key of the hash makes another serial of the same box.
_OF_THE_HARDWARE = ("mac", "upnp")


@dataclass(frozen=True, slots=True)
class Known:
    """A device as it is remembered: its lasting id, every key it ever showed, where it stood last, what it is."""

    id: str
    keys: frozenset[str]
    addresses: tuple[str, ...] = ()
    name: str = ""
    vendor: str = ""

    @classmethod
    def of(cls, device: Device) -> "Known":
        """A device of another audit as one that is known."""
        return cls(device.id, keys_of(device), device.addresses, name_of(device), vendor_of(device))


@dataclass(frozen=True, slots=True)
class Recognised:
    """The lasting id of a device and how sure it is: by keys, by model and place, or by the place alone."""

    id: str
    certainty: Certainty


def keys_of(device: Device) -> frozenset[str]:
    """What tells the box from any other; addresses never do."""
    keys = {key for key in device.keys if key.partition(":")[0] not in ("at", "wan")}
    return frozenset(keys | {f"mac:{device.mac}"} if device.mac else keys)


def name_of(device: Device) -> str:
    """Maker and model in lower case, empty where the model is not known."""
    identity = device.identity
    return identity.name.lower() if identity and identity.model else ""


def vendor_of(device: Device) -> str:
    """The maker in lower case, empty where it is not known."""
    return ((device.identity.vendor if device.identity else None) or "").lower()


def recognise(known: Iterable[Known], devices: Sequence[Device]) -> tuple[Recognised | None, ...]:
    """For each device the known one that it is, or None for a stranger; no known device is two of them.

    By a key that one known device and one of today's have shown, the most and strongest first: certain, or likely
    where hardware keys contradict each other. Then by model and place: likely. Last, by the place alone, a hint: a box
    that told nothing at all, or no more than the same maker.
    """
    left = {one.id: one for one in known}
    found: dict[int, Recognised] = {}
    shown = [keys_of(device) for device in devices]
    for take in (_by_keys, _by_model, _by_place):
        open_ones = {index: device for index, device in enumerate(devices) if index not in found}
        for index, identifier, certainty in list(take(left, open_ones, shown)):
            if index not in found and identifier in left:
                found[index] = Recognised(identifier, certainty)
                del left[identifier]
    return tuple(found.get(index) for index in range(len(devices)))


Claims = Iterable[tuple[int, str, Certainty]]


def _by_keys(left: Mapping[str, Known], devices: Mapping[int, Device], shown: Sequence[frozenset[str]]) -> Claims:
    carriers = Counter(key for one in left.values() for key in one.keys)
    today = Counter(key for index in devices for key in shown[index])
    pairs = []
    for index in devices:
        for one in left.values():
            shared = [key for key in shown[index] & one.keys if carriers[key] == today[key] == 1]
            if shared:
                pairs.append((_contradict(shown[index], one.keys), -len(shared), one.id, index))
    for is_contradicted, _, identifier, index in sorted(pairs):
        yield index, identifier, Certainty.LIKELY if is_contradicted else Certainty.CERTAIN


def _by_model(left: Mapping[str, Known], devices: Mapping[int, Device], shown: Sequence[frozenset[str]]) -> Claims:
    pairs = [
        (index, one)
        for index, device in devices.items()
        for one in left.values()
        if name_of(device) and name_of(device) == one.name and not _contradict(shown[index], one.keys)
    ]
    for index, one in pairs:
        if set(one.addresses) & set(devices[index].addresses):
            yield index, one.id, Certainty.LIKELY
    then = Counter(one.name for one in left.values())
    now = Counter(name_of(device) for device in devices.values())
    for index, one in pairs:
        if then[one.name] == now[one.name] == 1:
            yield index, one.id, Certainty.LIKELY


def _by_place(left: Mapping[str, Known], devices: Mapping[int, Device], shown: Sequence[frozenset[str]]) -> Claims:
    for index, device in devices.items():
        for one in left.values():
            vendors = {one.vendor, vendor_of(device)}
            is_mute = vendors == {""} and not (one.keys or shown[index])
            # Seen from afar, where no MAC shows, a box that told nothing this time is still the one at its address.
            is_mute |= not (shown[index] or vendor_of(device) or any(key.startswith("mac:") for key in one.keys))
            is_akin = "" not in vendors and len(vendors) == 1 and not (one.name and name_of(device))
            is_other = _contradict(shown[index], one.keys, (*_OF_THE_HARDWARE, "tls", "ssh"))
            if (is_mute or (is_akin and not is_other)) and set(one.addresses) & set(device.addresses):
                yield index, one.id, Certainty.HINT


def _contradict(some: Iterable[str], others: Iterable[str], kinds: Iterable[str] = _OF_THE_HARDWARE) -> bool:
    """Whether both show a key of one of these kinds and none of them is the same."""
    for kind in kinds:
        here = {key for key in some if key.startswith(f"{kind}:")}
        there = {key for key in others if key.startswith(f"{kind}:")}
        if here and there and not here & there:
            return True
    return False


def slot(finding: Finding) -> str:
    """What tells a finding apart on its device: the rule, and transport and port where it is about one."""
    place = f"{finding.endpoint.transport}:{finding.endpoint.port}" if finding.endpoint else ""
    return f"{finding.rule} {place}".rstrip()


def renamed(device: Device, identifier: str, known: Mapping[str, str], taken: Iterable[str] = ()) -> Device:
    """The device under its lasting id, its findings under the ids they had first.

    Args:
        device: as the pipeline made it.
        identifier: the lasting id.
        known: the ids of the device's findings by `slot`.
        taken: ids of findings of other devices, which two boxes at one address in turn would share.
    """
    own, others = set(known.values()), set(taken)
    findings = []
    for finding in device.findings:
        if finding.id not in own:
            before = known.get(slot(finding))
            if before and before not in {each.id for each in device.findings}:
                finding = replace(finding, id=before)
            elif finding.id in others:
                digest = hashlib.sha256("\0".join((identifier, slot(finding))).encode()).hexdigest()
                finding = replace(finding, id=f"fin-{digest[:10]}")
        findings.append(finding)
    return replace(device, id=identifier, findings=tuple(findings))


def aligned(old: Audit, new: Audit) -> Audit:
    """The new audit with the ids of the old one, where both are files and no history knows them."""
    found = recognise([Known.of(device) for device in old.devices], new.devices)
    before = {device.id: device for device in old.devices}
    devices = []
    for device, recognised in zip(new.devices, found, strict=True):
        if recognised:
            known = {slot(finding): finding.id for finding in before[recognised.id].findings}
            device = renamed(device, recognised.id, known)
        elif device.id in before:
            device = replace(device, id=f"{device.id}-new")
        devices.append(device)
    return replace(new, devices=tuple(devices))
