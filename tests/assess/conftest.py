"""Devices and a stand-in for the world's knowledge, from which the rules' tests are built."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from sohoaudit.assess import assess
from sohoaudit.model import (
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Identity,
    Observation,
    Service,
    Transport,
    Vantage,
)

TODAY = date(2026, 11, 24)
INSIDE, OUTSIDE = "192.168.50.1", "203.0.113.7"


@dataclass(frozen=True)
class Life:
    status: str = "unknown"
    since: date | None = None
    source: str = "the maker's list"
    is_verified: bool = True


@dataclass(frozen=True)
class Newest:
    version: str
    date: object = None
    source: str = "the maker's page"
    is_verified: bool = True


@dataclass(frozen=True)
class Advice:
    id: str
    applies: str = "yes"
    why: str = "older than the fix"
    fixed_in: str | None = "9.9"
    known_exploited: bool = False
    is_verified: bool = True


@dataclass(frozen=True)
class Part:
    part: str
    version: str
    released: date
    field: str = "ssh.banner"
    text: str = "SSH-2.0-dropbear"
    weighs_low: bool = False


@dataclass(frozen=True)
class World:
    """Answers the five questions with what a test puts in; versions are plain numbers."""

    model_life: Life = Life()
    branch_life: Life = Life()
    newest: Newest | None = None
    advice: tuple[Advice, ...] = ()
    parts: tuple[Part, ...] = ()

    def status(self, vendor, model, hardware_revision, version, today):
        return self.branch_life if version else self.model_life

    def latest(self, vendor, model, hardware_revision, version, today):
        return self.newest

    def applies(self, vendor, model, hardware_revision, version, partial):
        return list(self.advice)

    def parts_seen(self, observations):
        return list(self.parts)

    def told_of(self, cves):
        return {}

    def is_older(self, vendor, model, version, than, partial):
        return [int(n) for n in version.split(".")] < [int(n) for n in than.split(".")]


class Judge:
    """Runs the rules over a device and gives its findings by rule."""

    def __call__(self, device: Device, vantage: Vantage = Vantage.LAN, world: World | None = None, language="en"):
        self.device, self.gaps = assess(device, vantage, language=language, today=TODAY, knowledge=world or World())
        assert self.gaps == ()
        return {finding.rule: finding for finding in self.device.findings}


@pytest.fixture
def judge() -> Judge:
    return Judge()


def at(address: str, port: int, transport: Transport = Transport.TCP) -> Endpoint:
    return Endpoint(address, port, transport)


def said(endpoint: Endpoint, **fields: str) -> Observation:
    """An observation; `__` in a name stands for the dot of a field."""
    return Observation.of(endpoint, {name.replace("__", "."): value for name, value in fields.items()})


def box(*services: tuple[Endpoint, str], kind: str | None = "router", says=(), exposures=(), **identity) -> Device:
    """A device with an identity that is certain in all it tells."""
    known = {"vendor": "Examplia", "model": "X1", "kind": kind} | identity
    certainty = {name: Certainty.CERTAIN for name, value in known.items() if value}
    addresses = tuple(dict.fromkeys(endpoint.address for endpoint, _ in services)) or (INSIDE,)
    return Device(
        id="dev-1",
        addresses=addresses,
        identity=Identity(**known, certainty=certainty),
        services=tuple(Service(endpoint, protocol) for endpoint, protocol in services),
        observations=tuple(says),
        exposures=tuple(exposures),
        keys=("mac:02:00:00:00:00:01",),
    )


def unsure(device: Device, certainty: Certainty) -> Device:
    identity = device.identity
    return replace(device, identity=replace(identity, certainty=dict.fromkeys(identity.certainty, certainty)))


def mapped(outer: Endpoint, inner: str, protocol: str, detail: str = "") -> Exposure:
    return Exposure(outer, protocol, Vantage.LAN, Evidence.MAPPED, internal=inner, detail=detail)


def only(findings: dict[str, Finding]) -> Finding:
    (finding,) = findings.values()
    return finding
