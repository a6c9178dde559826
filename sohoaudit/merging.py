"""Makes one audit of several: the same office seen from inside, from outside and by an index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .identify import Identifier
from .joining import Face
from .knowledge import fingerprints, ports
from .model import Audit, Device, Endpoint, Evidence, Exposure, Gap, Observation, Scope, Transport, Vantage
from .verdict import verdict

_Place = tuple[str, Vantage, bool]


def merged(audits: Sequence[Audit], *, language: str | None = None, own_fingerprints: tuple[Path, ...] = ()) -> Audit:
    """One audit of all of them: devices joined anew, exposures of every vantage, findings judged on the whole.

    What several audits saw from one vantage counts as the newest saw it; what indexes saw is put together.

    Args:
        audits: at least one, in any order.
        language: of the findings; the first audit's where None.
        own_fingerprints: folders of the user's own.
    """
    by_age = sorted(audits, key=lambda audit: audit.ended)
    spoken = language or audits[0].language
    inside = [audit for audit in by_age if audit.scope.vantage is Vantage.LAN]
    gateways = dict.fromkeys(address for audit in inside for address in gateways_of(audit))
    faces = _faces_of_all(by_age)
    _note_what_is_shut(faces, by_age)
    identifier = Identifier(fingerprints.load(own_fingerprints))
    devices, gaps = verdict(faces, identifier, gateways=tuple(gateways), language=spoken)
    vantages = dict.fromkeys(audit.scope.vantage for audit in sorted(audits, key=_inside_first))
    return Audit(
        scope=joined_scope([audit.scope for audit in sorted(audits, key=_inside_first)]),
        started=min(audit.started for audit in audits),
        ended=by_age[-1].ended,
        devices=devices,
        coverage=tuple(dict.fromkeys((*_still_missing(by_age), *gaps))),
        knowledge={name: text for audit in by_age for name, text in audit.knowledge.items()},
        settings=_settings(by_age)
        | {"vantages": ", ".join(vantages), "merged": str(len(audits))}
        | ({"gateways": ", ".join(gateways)} if gateways else {}),
        language=spoken,
        is_demo=any(audit.is_demo for audit in audits),
        is_complete=all(audit.is_complete for audit in audits),
    )


def joined_scope(scopes: Sequence[Scope]) -> Scope:
    """Several scopes as the report names them: the first's vantage, everybody's networks and authority."""
    return replace(
        scopes[0],
        networks=tuple(dict.fromkeys(network for scope in scopes for network in scope.networks)),
        excluded=tuple(dict.fromkeys(network for scope in scopes for network in scope.excluded)),
        targets=tuple(dict.fromkeys(target for scope in scopes for target in scope.targets)),
        authority="; ".join(dict.fromkeys(scope.authority for scope in scopes if scope.authority)) or None,
    )


def gateways_of(audit: Audit) -> tuple[str, ...]:
    """The routers that the audit's machine sent its traffic to."""
    return tuple(filter(None, audit.settings.get("gateways", "").split(", ")))


def _settings(audits: Iterable[Audit]) -> dict[str, str]:
    """Each setting once; where the audits differ, the values one after another."""
    names = dict.fromkeys(name for audit in audits for name in audit.settings)
    values: Mapping[str, dict[str, None]] = {
        name: dict.fromkeys(audit.settings[name] for audit in audits if audit.settings.get(name)) for name in names
    }
    return {name: "; ".join(each) for name, each in values.items()}


def _still_missing(audits: Sequence[Audit]) -> Iterable[Gap]:
    """What each could not look at, without what only a look from outside could tell where one was made."""
    outside = [audit.scope for audit in audits if audit.scope.vantage is Vantage.INTERNET]
    for gap in (gap for audit in audits for gap in audit.coverage):
        addresses = gap.detail.split() if gap.code in ("outside-only", "firewalled6") else []
        if not addresses or not all(any(scope.holds(address) for scope in outside) for address in addresses):
            yield gap


def _inside_first(audit: Audit) -> int:
    return list(Vantage).index(audit.scope.vantage)


def _faces_of_all(audits: Iterable[Audit]) -> list[Face]:
    newest: dict[_Place, Face] = {}
    for audit in audits:
        for place, face in faces_of(audit).items():
            older = newest.get(place)
            newest[place] = _together(older, face) if older and face.vantage is Vantage.INDEX else face
    return list(newest.values())


def _note_what_is_shut(faces: Iterable[Face], audits: Iterable[Audit]) -> None:
    """Mark what answers inside on a public address and did not from outside, where its port was asked there as well.

    An address that answered nothing at all may have been out of the outside's reach, and settles nothing.
    """
    reached = {face.address: set(face.open) for face in faces if face.vantage is Vantage.INTERNET and face.endpoints}
    for audit in audits:
        if audit.scope.vantage is not Vantage.INTERNET or not audit.is_complete or "tcp ports" not in audit.settings:
            continue
        told = audit.settings.get("tcp ports asked")
        usual = {port.port for port in ports.default_ports(Transport.TCP)}
        asked = {int(text) for text in told.split(", ") if text.isdecimal()} if told else usual
        for face in faces:
            if face.vantage is Vantage.LAN and audit.scope.holds(face.address) and face.address in reached:
                quiet = (endpoint for endpoint in face.open if endpoint not in reached[face.address])
                face.shut |= {e for e in quiet if e.port in asked and e.transport is Transport.TCP}


def faces_of(audit: Audit) -> dict[_Place, Face]:
    """What an audit saw, taken apart again: one face for each address, vantage and side."""
    faces: dict[_Place, Face] = {}
    for device in audit.devices:
        for face in _faces(device, audit.scope.vantage):
            place = (face.address, face.vantage, face.is_hairpin)
            faces[place] = _together(faces[place], face) if place in faces else face
    return faces


def _faces(device: Device, vantage: Vantage) -> Iterable[Face]:
    reached = {e.endpoint: e for e in reversed(device.exposures) if e.evidence is not Evidence.MAPPED}
    every = [e for e in device.exposures if e.evidence is not Evidence.MAPPED]
    looks = [(e.endpoint, e.vantage, e.evidence is Evidence.HAIRPIN) for e in every]
    looks += [(s.endpoint, vantage, False) for s in device.services if s.endpoint not in reached]
    hairpins = {endpoint.address for endpoint, _, is_hairpin in looks if is_hairpin}
    faces: dict[_Place, Face] = {}

    def face_at(address: str, seen_from: Vantage, is_hairpin: bool) -> Face:
        place = (address, seen_from, is_hairpin)
        return faces.setdefault(place, Face(address, seen_from, is_hairpin=is_hairpin))

    for endpoint, seen_from, is_hairpin in looks:
        face_at(endpoint.address, seen_from, is_hairpin).open.append(endpoint)
    for said in device.observations:
        is_hairpin = said.vantage is Vantage.LAN and said.endpoint.address in hairpins
        face_at(said.endpoint.address, said.vantage, is_hairpin).observations.append(said)
    known = {address for address, _, _ in faces}
    for address in device.addresses:
        if address not in known:
            face_at(address, vantage, False)
    for exposure in every:
        _remember(face_at(exposure.endpoint.address, exposure.vantage, exposure.evidence is Evidence.HAIRPIN), exposure)
    return _with_what_is_known(list(faces.values()), device)


def _remember(face: Face, exposure: Exposure) -> None:
    if exposure.evidence in (Evidence.INDEXED, Evidence.HAIRPIN) and exposure.detail:
        face.details[exposure.endpoint] = exposure.detail
    if exposure.doubt == "shut":
        face.shut.add(exposure.endpoint)
    address, _, port = (exposure.internal or "").rpartition(":")
    if address and port.isdecimal():
        face.forwards[exposure.endpoint] = Endpoint(address.strip("[]"), int(port), exposure.endpoint.transport)


def _with_what_is_known(faces: list[Face], device: Device) -> list[Face]:
    """The MAC on every inside face; keys and identity on the first, inside before outside."""
    ordered = sorted(faces, key=lambda face: not face.is_inside)
    for face in ordered:
        if face.is_inside:
            face.mac = device.mac
            face.open = list(dict.fromkeys(face.open))
    if ordered:
        ordered[0].keys, ordered[0].identity = device.keys, device.identity
    return ordered


def _each_once(observations: Iterable[Observation]) -> list[Observation]:
    """The same record may stand in two files."""
    told = {(o.endpoint, o.probe, o.vantage, o.time, frozenset(o.fields.items())): o for o in observations}
    return list(told.values())


def _together(first: Face, second: Face) -> Face:
    return replace(
        first,
        open=list(dict.fromkeys((*first.open, *second.open))),
        observations=_each_once((*first.observations, *second.observations)),
        mac=first.mac or second.mac,
        keys=tuple(dict.fromkeys((*first.keys, *second.keys))),
        identity=first.identity or second.identity,
        details=first.details | second.details,
        forwards=first.forwards | second.forwards,
        shut=first.shut | second.shut,
    )
