"""Asks again just what is needed to know whether findings are fixed, still there, or cannot be told."""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from .history.change import lists_mappings, needs_mappings, why_unseen
from .history.store import History, Past
from .knowledge.gaps import Reason
from .model import Audit, Device, Endpoint, Evidence, Finding, Scope, Transport, Vantage

if TYPE_CHECKING:
    from .audit import Settings
    from .dialer import Street
    from .here import Here

# Enough to know the box again by its keys, or by its first page where it has none.
_IDENTIFYING_PORTS = 3
_MAPPING_QUESTIONS = frozenset({1900, 5351})


class Outcome(StrEnum):
    """What became of a finding."""

    FIXED = "fixed"
    STILL_THERE = "still there"
    COULD_NOT_TELL = "could not tell"


@dataclass(frozen=True, slots=True)
class Verified:
    """A finding, what became of it, and the evidence or the reason."""

    finding: str
    title: str
    outcome: Outcome
    evidence: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """What will be asked from one vantage for some findings: the addresses and ports, and what was known before.

    `key` is that of the scope it belongs to, whose lock whoever runs it holds (`history.lock`).
    """

    key: str
    scope: Scope
    tcp_ports: tuple[int, ...]
    udp_ports: tuple[int, ...]
    hairpin: tuple[str, ...]
    site: str
    known: Audit
    findings: tuple[tuple[Device, Finding], ...]

    @property
    def described(self) -> str:
        """The errand in one line."""
        addresses = ", ".join(self.scope.targets)
        ports = [*(str(port) for port in self.tcp_ports), *(f"{port}/udp" for port in self.udp_ports)]
        return f"{addresses} from {self.scope.vantage}: ports {', '.join(ports)}, for {len(self.findings)} findings"


def errands(history: History, wanted: Iterable[Past]) -> tuple[list[Errand], list[Verified]]:
    """What to ask for these findings, and those for which nothing can be asked; nothing is sent."""
    grouped: dict[str, list[tuple[Audit, Device, Finding]]] = defaultdict(list)
    told: list[Verified] = []
    states = cache(history.states_of)
    for past in wanted:
        seen = [
            (scope, audit, device, finding)
            for scope, audit, device in states(past.device)
            for finding in device.findings
            if finding.id == past.id
        ]
        for scope, audit, device, finding in seen:
            if _is_seen_elsewhere(audit, device, finding):
                why = "it was seen from the internet, and this history looks from inside: scan from outside and merge"
                told.append(_told(Outcome.COULD_NOT_TELL, device, finding, why))
            else:
                grouped[scope].append((audit, device, finding))
        if not seen:
            when = f"seen as fixed on {past.fixed:%Y-%m-%d}" if past.fixed else "no longer known where it was"
            outcome = Outcome.FIXED if past.fixed else Outcome.COULD_NOT_TELL
            told.append(Verified(past.id, past.title, outcome, f"{when}; run a scan to look again", past.device))
    sites = {box.id: box.site for box in history.devices()}
    found = [_errand(key, history.states_beside(key), seen, sites[seen[0][1].id]) for key, seen in grouped.items()]
    return found, told


async def verify(
    history: History,
    errand: Errand,
    settings: "Settings",
    *,
    street: "Street | None" = None,
    here: "Here | None" = None,
) -> list[Verified]:
    """Ask, compare, and note the outcome in the history.

    Raises:
        HistoryError: the history cannot be read or written.
    """
    from .audit import Auditor

    asked = replace(settings, tcp_ports=errand.tcp_ports, udp_ports=errand.udp_ports, hairpin=errand.hairpin)
    audit = await Auditor([errand.scope], asked, street=street, here=here).run()
    now = history.settled(audit, errand.site)
    verified = [_verdict(errand, now, device, finding) for device, finding in errand.findings]
    for one in verified:
        history.note_check(one.finding, one.outcome.value, one.evidence)
    return verified


def not_run(errand: Errand, why: str) -> list[Verified]:
    """The findings of an errand that nobody could run."""
    return [_told(Outcome.COULD_NOT_TELL, device, finding, why) for device, finding in errand.findings]


def _errand(key: str, whole: Audit, seen: Sequence[tuple[Audit, Device, Finding]], site: str) -> Errand:
    scope = seen[0][0].scope
    keepers = [device for device in whole.devices if lists_mappings(device)]
    addresses: dict[str, None] = {}
    ports: set[tuple[Transport, int]] = set()
    for _, device, finding in seen:
        involved = [device, *(keepers if needs_mappings(device, finding) else ())]
        addresses |= dict.fromkeys(a for one in involved for a in one.addresses if scope.holds(a))
        ports |= _needed(device, finding)
    tcp = tuple(sorted(port for transport, port in ports if transport is Transport.TCP))
    udp = tuple(sorted(port for transport, port in ports if transport is Transport.UDP))
    ours = replace(
        scope, networks=tuple(ipaddress.ip_network(address) for address in addresses), targets=tuple(addresses)
    )
    findings = tuple((device, finding) for _, device, finding in seen)
    ways = [exposure for device, _ in findings for exposure in device.exposures]
    hairpin = tuple({way.endpoint.address for way in ways if way.evidence is Evidence.HAIRPIN} & addresses.keys())
    return Errand(key, ours, tcp, udp, hairpin, site, whole, findings)


def _is_seen_elsewhere(audit: Audit, device: Device, finding: Finding) -> bool:
    """Whether only another's look from outside, merged into an audit from inside, showed the finding."""
    ways = [exposure for exposure in device.exposures if exposure.endpoint == finding.endpoint]
    return bool(ways) and audit.scope.vantage is Vantage.LAN and all(way.vantage is not Vantage.LAN for way in ways)


def _needed(device: Device, finding: Finding) -> set[tuple[Transport, int]]:
    """The ports that show the finding, and some by which the device is known again."""
    services = [(service.endpoint.transport, service.endpoint.port) for service in device.services]
    if finding.endpoint is None:
        return set(services)
    wanted = {(finding.endpoint.transport, finding.endpoint.port)}
    if needs_mappings(device, finding):
        wanted |= {(Transport.UDP, port) for port in _MAPPING_QUESTIONS}
    telling = ("https", "ssh", "upnp") if device.keys else ("http", "https", "snmp")
    chosen = [place for place, service in zip(services, device.services, strict=True) if service.protocol in telling]
    return wanted | set(dict.fromkeys(chosen[:_IDENTIFYING_PORTS]))


def _verdict(errand: Errand, now: Audit, before: Device, finding: Finding) -> Verified:
    after = next((device for device in now.devices if device.id == before.id), None)
    time = f"{now.ended:%Y-%m-%d %H:%M} UTC"
    there = next((each for each in after.findings if each.id == finding.id), None) if after else None
    if there:
        evidence = "; ".join(there.evidence[:2])
        return _told(Outcome.STILL_THERE, before, finding, f"at {time}: {evidence}")
    if why := why_unseen(errand.known, before, now, after, finding):
        strangers = {address for device in now.devices for address in device.addresses} & set(before.addresses)
        if after is None and strangers:
            why = Reason("another-box", min(strangers))
        return _told(Outcome.COULD_NOT_TELL, before, finding, f"at {time}: {why}")
    return _told(Outcome.FIXED, before, finding, f"at {time}: {_proof(after, finding)}")


def _proof(after: Device | None, finding: Finding) -> str:
    """What was looked at again, and how it answered."""
    assert after is not None  # noqa: S101 -- a device that did not answer is unseen
    endpoint = finding.endpoint
    if endpoint is None:
        version = after.identity.firmware if after.identity else None
        return f"it answered at {after.addresses[0]}" + (f" and runs {version}" if version else "")
    answers = Endpoint(after.addresses[0], endpoint.port, endpoint.transport)
    if needs_mappings(after, finding):
        return f"the router's list of open doors no longer leads port {endpoint.port} to {after.addresses[0]}"
    open_ones = [(service.endpoint.transport, service.endpoint.port) for service in after.services]
    is_open = (endpoint.transport, endpoint.port) in open_ones
    return f"{answers} answers, and shows it no longer" if is_open else f"{answers} is closed; the device answered"


def _told(outcome: Outcome, device: Device, finding: Finding, evidence: str) -> Verified:
    return Verified(finding.id, finding.title, outcome, evidence, device.id)


def exit_code(verified: Iterable[Verified]) -> int:
    """1 where something is still there, else 3 where something could not be told, else 0."""
    outcomes = {one.outcome for one in verified}
    return 1 if Outcome.STILL_THERE in outcomes else 3 if Outcome.COULD_NOT_TELL in outcomes else 0
