"""The audit put in the order people act on: the verdict, the things to do, what is fine, the ways in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...model import Audit, Device, Evidence, Exposure, Finding, Priority
from .words import Words

PAGE_ONE = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A device with its number in the report, counted from 1."""

    number: int
    device: Device


@dataclass(frozen=True, slots=True)
class Task:
    """One remedy, and every finding that it puts right; the first gives title and steps."""

    findings: tuple[tuple[Place, Finding], ...]

    @property
    def first(self) -> Finding:
        """The finding that gives the task its title, reason and steps."""
        return self.findings[0][1]

    @property
    def priority(self) -> Priority:
        """The priority of its most pressing finding."""
        return min((finding.priority for _, finding in self.findings), key=lambda priority: priority.rank)

    @property
    def also(self) -> tuple[str, ...]:
        """What else the same steps settle: the other titles, each once."""
        return tuple(dict.fromkeys(f.title for _, f in self.findings if f.title != self.first.title))

    @property
    def places(self) -> tuple[Place, ...]:
        """The devices it is done on, each once."""
        return tuple({place.number: place for place, _ in self.findings}.values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome in one word and the count of things to do by priority.

    `state` is the most pressing priority above low, else `fine` (everything was looked at and nothing needs doing),
    `unclear` (nothing needs doing in what could be looked at) or `nobody` (no device answered).
    """

    state: str
    counts: dict[Priority, int]
    devices: int
    gaps: int
    is_complete: bool

    def sentence(self, words: Words) -> str:
        """The count of things to do, or that nothing needs doing."""
        if self.state not in ("urgent", "high", "medium"):
            return words(f"verdict.{self.state}_first", count=self.devices)
        today, week, plan = (self.counts[priority] for priority in list(Priority)[:3])
        return words(
            "verdict.counts",
            today=words("verdict.count_today", count=today),
            week=words("verdict.count_week", count=week),
            plan=words("verdict.count_plan", count=plan),
        )

    def looked_at(self, words: Words) -> str:
        """How much was looked at; empty where the sentence has said it."""
        parts = [] if self.is_complete else [words("verdict.stopped")]
        if self.gaps:
            parts.append(words("verdict.gaps", count=self.gaps))
        elif self.is_complete and self.devices and self.state != "fine":
            parts.append(words("verdict.all_checked", count=self.devices))
        return words("verdict.joiner").join(parts)


def places(audit: Audit) -> list[Place]:
    """Every device with its number, in the order of the audit."""
    return [Place(number, device) for number, device in enumerate(audit.devices, start=1)]


def tasks(all_places: Iterable[Place]) -> list[Task]:
    """The findings grouped by what puts them right, in the order to act.

    Inside one priority: compromise first, then what helps most devices, then rule and id, so that two runs agree.
    Devices share a task only where it is as pressing for each of them.
    """
    groups: dict[tuple[Priority, tuple[str, ...]], list[tuple[Place, Finding]]] = {}
    for place in all_places:
        for steps, findings in _by_steps(place.device).items():
            pressing = min((finding.priority for finding in findings), key=lambda priority: priority.rank)
            groups.setdefault((pressing, steps), []).extend((place, finding) for finding in findings)
    found = [
        Task(tuple(sorted(group, key=lambda pair: (pair[1].rule != _REPLACE, *_pressing(pair[1])))))
        for group in groups.values()
    ]
    return sorted(found, key=_order)


def _by_steps(device: Device) -> dict[tuple[str, ...], list[Finding]]:
    """The findings of one device by the steps that put them right; those without steps stand alone by rule and title.

    A device to be replaced takes its other firmware findings along: no update of it is worth a step of its own. Where
    the end of its support is only probable, it takes along what is no more pressing.
    """
    ended = next((finding for finding in device.findings if finding.rule == _REPLACE), None)
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in device.findings:
        leading = finding
        if ended and finding.rule.startswith("firmware."):
            is_sure = ended.facts.get("certainty") != "probably"
            leading = ended if is_sure or ended.priority.rank <= finding.priority.rank else finding
        groups.setdefault(leading.remedy or (leading.rule, leading.title), []).append(finding)
    return groups


def verdict(audit: Audit, all_tasks: Iterable[Task]) -> Verdict:
    """What the audit comes to."""
    counts = dict.fromkeys(Priority, 0)
    for task in all_tasks:
        counts[task.priority] += 1
    worst = next((priority for priority in Priority if counts[priority] and priority is not Priority.LOW), None)
    if worst:
        state = worst.value
    elif not audit.devices:
        state = "nobody"
    else:
        state = "fine" if audit.is_complete and not audit.coverage else "unclear"
    return Verdict(state, counts, len(audit.devices), len(audit.coverage), audit.is_complete)


def name(device: Device, words: Words) -> str:
    """What a person calls the device: maker and model, its host name, its kind, or that nobody knows."""
    identity = device.identity
    if identity and identity.name:
        return identity.name
    if device.hostname:
        return device.hostname
    return words.of("kind", identity.kind) if identity and identity.kind else words("device.unknown")


def ways_in(all_places: Iterable[Place]) -> list[tuple[Place, Exposure]]:
    """Every way from the internet to a device, the surest evidence first within each device."""
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


def is_recognised(device: Device) -> bool:
    """Whether anything told what it is; of what nobody knows, nobody can say that it is fine."""
    return bool(device.identity and (device.identity.name or device.identity.kind))


def fine(audit: Audit, all_places: Iterable[Place]) -> list[Place]:
    """The devices that were recognised, looked at without a gap, and on which nothing above low was found."""
    missed = {part for gap in audit.coverage for part in _addresses_in(gap.subject)}
    return [
        place
        for place in all_places
        if place.device.priority in (None, Priority.LOW)
        and is_recognised(place.device)
        and missed.isdisjoint(place.device.addresses)
    ]


_REPLACE = "firmware.end-of-life"
_GATEWAYS = frozenset({"router", "gateway", "firewall", "modem", "vpn-gateway", "cpe"})


def _addresses_in(subject: str) -> set[str]:
    words = re.split(r"[\s\[\],/()]+", subject)
    return {*words, *(word.partition(":")[0] for word in words)}


def _order(task: Task) -> tuple[int, bool, int, str, str]:
    _, is_other, rule, identifier = _pressing(task.first)
    return task.priority.rank, is_other, -len(task.places), rule, identifier


def _pressing(finding: Finding) -> tuple[int, bool, str, str]:
    return finding.priority.rank, not finding.rule.startswith("compromise"), finding.rule, finding.id
