"""The audit put in the order people act on: the verdict, the things to do, what is fine, the ways in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...knowledge import macs
from ...model import Acceptance, Audit, Device, Endpoint, Evidence, Exposure, Finding, Gap, Priority, Vantage
from .words import Words

PAGE_ONE = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A device with its number in the report, counted from 1, and its most pressing priority."""

    number: int
    device: Device
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One remedy, and every finding that it puts right; the first gives title and reason.

    Steps that differ by a port alone are one remedy, told once with every port.
    """

    findings: tuple[tuple[Place, Finding], ...]

    @property
    def first(self) -> Finding:
        """The finding that gives the task its title, reason and steps."""
        return self.findings[0][1]

    @property
    def priority(self) -> Priority:
        """The priority of its most pressing finding."""
        return min((finding.priority for _, finding in self.findings), key=_RANKS.__getitem__)

    @property
    def also(self) -> tuple[str, ...]:
        """What else the same steps settle: the other titles, each once."""
        return tuple(dict.fromkeys(f.title for _, f in self.findings if f.title != self.first.title))

    def steps(self, words: Words) -> tuple[str, ...]:
        """What to do, with every port that it is done for."""
        wanted = _steps(self.first)
        alike = [finding.endpoint for _, finding in self.findings if _steps(finding) == wanted]
        return tuple(_filled(step, alike, words) for step in wanted)

    def verify(self, words: Words) -> str:
        """How to see that it worked, for every endpoint that it is seen by.

        A device to be replaced can be seen to have its doors shut long before the new one comes.
        """
        doors = (f for _, f in self.findings if self.first.rule == _REPLACE and f.rule in _SETTLED_BY_SWITCHING_OFF)
        wanted = dict.fromkeys(_masked(finding.verify, finding.endpoint) for finding in (*doors, self.first))
        return words("verdict.joiner").join(self._filled_verify(text, words) for text in wanted)

    def _filled_verify(self, wanted: str, words: Words) -> str:
        alike = [f.endpoint for _, f in self.findings if _masked(f.verify, f.endpoint) == wanted]
        return _filled(wanted, alike, words)

    @property
    def places(self) -> tuple[Place, ...]:
        """The devices it is done on, each once."""
        return tuple({place.number: place for place, _ in self.findings}.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome in one word and the count of things to do by priority.

    `state` is the most pressing priority above low, else `fine` (everything was looked at and nothing needs doing),
    `unclear` (nothing needs doing in what could be looked at) or `nobody` (no device answered). `unread` counts the
    devices that could not be looked at in full, `gaps` what else could not.
    """

    state: str
    counts: dict[Priority, int]
    devices: int
    unread: int
    gaps: int
    is_complete: bool
    accepted: int = 0

    def sentence(self, words: Words) -> str:
        """The count of things to do, or that nothing needs doing."""
        if self.state not in ("urgent", "high", "medium"):
            return words(f"verdict.{self.state}_first", count=self.devices)
        counted = [priority for priority in list(Priority)[:3] if self.counts[priority]]
        forms = ["first", *["then"] * (len(counted) - 1)]
        told = (
            words(f"verdict.{form}_{priority}", count=self.counts[priority])
            for form, priority in zip(forms, counted, strict=True)
        )
        return words("verdict.counts", counts=words("page.comma").join(told))

    def looked_at(self, words: Words) -> str:
        """How much was looked at; empty where the sentence has said it."""
        parts = [] if self.is_complete else [words("verdict.stopped")]
        if self.gaps:
            parts.append(words("verdict.gaps", count=self.gaps + self.unread))
        elif self.unread:
            parts.append(words("verdict.unread", count=self.unread))
        elif self.is_complete and self.devices and self.state != "fine":
            parts.append(words("verdict.all_checked", count=self.devices))
        if self.accepted:
            parts.append(words("verdict.accepted", count=self.accepted))
        return words("verdict.joiner").join(parts)


def places(audit: Audit) -> list[Place]:
    """Every device with its number, in the order of the audit."""
    return [Place(number, device, device.priority) for number, device in enumerate(audit.devices, start=1)]


def tasks(all_places: Iterable[Place]) -> list[Task]:
    """The findings grouped by what puts them right, in the order to act.

    Inside one priority: compromise first, then what helps most devices, then rule and id, so that two runs agree.
    Two devices are one task where title, steps and priority are the same: another model is another errand. What
    somebody accepted is no task.
    """
    groups: dict[tuple[str, ...], list[tuple[Place, Finding]]] = {}
    for place in all_places:
        for steps, findings in _by_steps(place.device).items():
            pressing = min((finding.priority for finding in findings), key=_RANKS.__getitem__)
            key = (pressing.value, findings[0].title, *steps)
            groups.setdefault(key, []).extend((place, finding) for finding in findings)
    return sorted((Task(tuple(group)) for group in groups.values()), key=_order)


def verdict(audit: Audit, all_tasks: Iterable[Task]) -> Verdict:
    """What the audit comes to."""
    counts = dict.fromkeys(Priority, 0)
    for task in all_tasks:
        counts[task.priority] += 1
    worst = next((priority for priority in Priority if counts[priority] and priority is not Priority.LOW), None)
    what_was_missed = missed(audit, places(audit))
    if worst:
        state = worst.value
    elif not audit.devices:
        state = "nobody"
    else:
        is_clear = audit.is_complete and not audit.coverage and not what_was_missed.devices
        state = "fine" if is_clear else "unclear"
    taken = sum(finding.accepted is not None for device in audit.devices for finding in device.findings)
    unread, gaps = len(what_was_missed.devices), len(what_was_missed.others)
    return Verdict(state, counts, len(audit.devices), unread, gaps, audit.is_complete, taken)


def accepted(all_places: Iterable[Place]) -> list[tuple[Place, Finding, Acceptance]]:
    """Every risk that somebody took for a time, the most pressing first, as if it were not taken."""
    taken = [
        (place, finding, finding.accepted)
        for place in all_places
        for finding in place.device.findings
        if finding.accepted
    ]
    return sorted(taken, key=lambda each: (each[2].priority.rank, each[2].until, each[1].id))


def acceptance(taken: Acceptance, words: Words) -> str:
    """Who took a risk, until when, why, and how pressing it would be, in one sentence."""
    return words(
        "accepted.told",
        by=taken.by,
        until=words.date(taken.until),
        because=taken.because,
        priority=words(f"priority.{taken.priority}"),
    )


@dataclass(frozen=True, slots=True)
class Missed:
    """What could not be looked at or judged, each device once.

    `unread` answered in part, `nameless` did not tell what they are, `versionless` told no firmware where one matters;
    `others` are the gaps that are about no device that answered, worst first.
    """

    unread: tuple[Place, ...]
    nameless: tuple[Place, ...]
    versionless: tuple[Place, ...]
    others: tuple[Gap, ...]

    @property
    def devices(self) -> tuple[Place, ...]:
        """All of the devices."""
        return (*self.unread, *self.nameless, *self.versionless)


def missed(audit: Audit, all_places: Iterable[Place]) -> Missed:
    """What could not be looked at or judged."""
    all_places = list(all_places)
    by_address = {address: place for place in all_places for address in place.device.addresses}
    unread: dict[int, Place] = {}
    others: list[Gap] = []
    for gap in sorted(audit.coverage, key=lambda gap: not gap.matters):
        found = [by_address[part] for part in _addresses_in(gap.subject) if part in by_address]
        if found and gap.stage in _OF_A_DEVICE:
            unread.update((place.number, place) for place in found)
        else:
            others.append(gap)
    rest = [place for place in all_places if place.number not in unread]
    return Missed(
        unread=tuple(unread[number] for number in sorted(unread)),
        nameless=tuple(place for place in rest if not is_recognised(place.device)),
        versionless=tuple(place for place in rest if _is_versionless(place.device)),
        others=tuple(others),
    )


def _is_versionless(device: Device) -> bool:
    """Whether it is of a kind that must be kept up to date, and neither a version nor a finding says how old it is."""
    identity = device.identity
    if identity is None or identity.firmware or identity.kind not in _HAS_FIRMWARE:
        return False
    return not any(finding.rule.startswith("firmware.") for finding in device.findings)


def name(device: Device, words: Words) -> str:
    """What a person calls the device: maker and model, its host name, its kind, else the maker of its network card."""
    identity = device.identity
    if identity and identity.name:
        return identity.name
    if device.hostname:
        return device.hostname
    if identity and identity.kind:
        return words.term("kinds", identity.kind)
    maker = macs.maker_of(device.mac)
    return words("device.unknown_by", maker=maker) if maker else words("device.unknown")


def card_maker(device: Device, words: Words) -> str:
    """Who made the network card, or that the device made its address up; empty where nobody knows."""
    return words("device.private_mac") if macs.is_private(device.mac) else macs.maker_of(device.mac) or ""


def ways_in(all_places: Iterable[Place]) -> list[tuple[Place, Exposure]]:
    """Every way from the internet to a device that nothing speaks against, the surest evidence first in each device."""
    return [way for way in _ways(all_places) if not way[1].doubt]


def doubted_ways(all_places: Iterable[Place]) -> list[tuple[Place, Exposure]]:
    """What answered from inside on an address of the internet, while something says that the internet is kept out."""
    return [way for way in _ways(all_places) if way[1].doubt]


def _ways(all_places: Iterable[Place]) -> list[tuple[Place, Exposure]]:
    order = list(Evidence)
    return [
        (place, exposure)
        for place in all_places
        for exposure in sorted(place.device.exposures, key=lambda e: (order.index(e.evidence), e.endpoint))
        if exposure.evidence is not Evidence.LAN_ONLY
    ]


def router(all_places: Iterable[Place]) -> Place | None:
    """The device that stands between the internet and the others: the first of its kind, reachable ones first."""
    routers = [place for place in all_places if place.device.identity and place.device.identity.kind in _GATEWAYS]
    return min(routers, key=lambda place: (not ways_in([place]), place.number), default=None)


def vantages(audit: Audit) -> tuple[Vantage, ...]:
    """Where it was looked from, inside first: of a merged audit every place, even where nothing answered."""
    seen = {exposure.vantage for device in audit.devices for exposure in device.exposures}
    named = audit.settings.get("vantages", "").split(", ")
    return tuple(each for each in Vantage if each in seen or each in named or each is audit.scope.vantage)


def is_inside_only(audit: Audit) -> bool:
    """Whether nobody looked from the internet, so that what strangers see is not known."""
    return audit.scope.vantage is Vantage.LAN and Vantage.INTERNET not in vantages(audit)


def is_recognised(device: Device) -> bool:
    """Whether anything told what it is; of what nobody knows, nobody can say that it is fine."""
    return bool(device.identity and (device.identity.name or device.identity.kind))


def fine(audit: Audit, all_places: Iterable[Place]) -> list[Place]:
    """The devices that were recognised, looked at without a gap, with nothing above low that was found or accepted."""
    subjects = {part for gap in audit.coverage for part in _addresses_in(gap.subject)}
    return [
        place
        for place in all_places
        if place.priority in (None, Priority.LOW)
        and not any(finding.accepted for finding in place.device.findings)
        and is_recognised(place.device)
        and not _is_versionless(place.device)
        and subjects.isdisjoint(place.device.addresses)
    ]


def _by_steps(device: Device) -> dict[tuple[str, ...], list[Finding]]:
    """The findings of one device by what puts them right, the one that tells it best first.

    Findings without steps stand alone by rule and title.
    """
    told = [finding for finding in device.findings if finding.accepted is None]
    ended = next((finding for finding in told if finding.rule == _REPLACE), None)
    reset = next((finding for finding in told if _is_reset(finding)), None)
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in sorted(told, key=lambda f: (f is not ended, f is not reset, *_pressing(f))):
        leading = _leading(finding, ended, reset)
        groups.setdefault(_steps(leading) or (leading.rule, leading.title), []).append(finding)
    return groups


def _leading(finding: Finding, ended: Finding | None, reset: Finding | None) -> Finding:
    """The finding whose steps put this one right as well, or itself.

    A device to be replaced takes its other firmware findings along: no update of it is worth a step of its own, and its
    first step shuts the doors that the internet reaches. Where the end of its support is only probable, it takes along
    what is no more pressing. Who resets a device after a break-in, updates it and closes its doors, is done with the
    rest.
    """
    family = finding.rule.partition(".")[0]
    is_shut = finding.rule in _SETTLED_BY_SWITCHING_OFF and finding.because[0] in ("internet", "perhaps")
    if ended and (family == "firmware" or (is_shut and _shuts_doors(ended))):
        is_sure = ended.facts.get("certainty") != "probably"
        return ended if is_sure or _RANKS[ended.priority] <= _RANKS[finding.priority] else finding
    return reset if reset and family in _SETTLED_BY_RESET else finding


def _is_reset(finding: Finding) -> bool:
    """Whether its steps reset the device: those of every break-in but the one that lives in the list of forwards.

    What is only worth a look, such as a port alone, resets nothing.
    """
    is_sign = finding.because[1] == "compromised"
    return is_sign and finding.rule.startswith("compromise.") and finding.rule != "compromise.upnproxy"


def _shuts_doors(ended: Finding) -> bool:
    """Whether its steps begin with switching off management from the internet: those of a model, reached from there."""
    return ended.facts.get("ended") == "model" and ended.facts.get("reach") in ("internet", "perhaps")


_SETTLED_BY_SWITCHING_OFF = frozenset(
    f"exposure.{protocol}" for protocol in ("http", "https", "ssh", "winbox", "routeros-api")
)
_SETTLED_BY_RESET = frozenset({"auth", "dns", "exposure", "firmware", "snmp", "tls"})


# What stands for the port and the endpoint of a finding where two steps are held against each other.
_PORT, _ENDPOINT = "\0port\0", "\0endpoint\0"


def _steps(finding: Finding) -> tuple[str, ...]:
    return tuple(_masked(step, finding.endpoint) for step in finding.remedy)


def _masked(text: str, endpoint: Endpoint | None) -> str:
    if endpoint is None:
        return text
    without = text.replace(_written(endpoint), _ENDPOINT)
    return re.sub(rf"(?<![\d.:]){endpoint.port}(?!\d|\.\d)", _PORT, without)


def _filled(text: str, endpoints: Iterable[Endpoint | None], words: Words) -> str:
    if "\0" not in text:
        return text
    known = sorted({endpoint for endpoint in endpoints if endpoint})
    ports = words.all_of([str(port) for port in dict.fromkeys(endpoint.port for endpoint in known)])
    written = words.all_of([_written(endpoint) for endpoint in known])
    return text.replace(_ENDPOINT, written).replace(_PORT, ports)


def _written(endpoint: Endpoint) -> str:
    return str(endpoint).removesuffix("/udp")


_OF_A_DEVICE = frozenset({"probe", "assess"})
_RANKS = {priority: priority.rank for priority in Priority}
_REPLACE = "firmware.end-of-life"
_GATEWAYS = frozenset({"router", "gateway", "firewall", "modem", "vpn-gateway", "cpe"})
_HAS_FIRMWARE = _GATEWAYS | {"ap", "access-point", "nas", "camera", "nvr", "dvr", "recorder", "pbx"}


def _addresses_in(subject: str) -> set[str]:
    words = re.split(r"[\s\[\],/()]+", subject)
    return {*words, *(word.partition(":")[0] for word in words)}


def _order(task: Task) -> tuple[int, bool, int, str, str]:
    _, is_other, rule, identifier = _pressing(task.first)
    return _RANKS[task.priority], is_other, -len(task.places), rule, identifier


def _pressing(finding: Finding) -> tuple[int, bool, str, str]:
    return _RANKS[finding.priority], not finding.rule.startswith("compromise"), finding.rule, finding.id
