"""Says what is wrong with one device: runs every rule of this folder over it and puts the findings into words."""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache

from ..knowledge import guidance
from ..knowledge.gaps import gap
from ..model import (
    NOTHING,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Gap,
    Observation,
    Priority,
    Service,
    Vantage,
    is_public,
)
from .known import Knowledge, Shipped
from .priority import Fact, Reach, priority, reach_of

EVIDENCE_LIMIT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One device before its rules: with its exposures, the day it is judged on, and what is known of the world."""

    device: Device
    vantage: Vantage
    today: date
    knowledge: Knowledge

    def values(self, *names: str) -> Iterator[tuple[Observation, str, str]]:
        """Every observed value of these fields, with its observation and the field's name."""
        for observation in self.device.observations:
            for name in names:
                if value := observation.fields.get(name):
                    yield observation, name, value

    def exposures_of(self, endpoint: Endpoint) -> tuple[Exposure, ...]:
        """The exposures that lead to an endpoint, mapped ones by their inner address included."""
        inner = f"{endpoint.address}:{endpoint.port}"
        return tuple(
            exposure
            for exposure in self.device.exposures
            if exposure.endpoint == endpoint or exposure.internal in (inner, str(endpoint))
        )

    def reach(self, endpoint: Endpoint | None = None) -> Reach:
        """Where an endpoint can be reached from; without one, where anything of the device can."""
        exposures = self.exposures_of(endpoint) if endpoint else self.device.exposures
        return reach_of(exposures, self.today)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule found, before priority and words.

    `discriminator` tells apart two findings of one rule on one device; it never holds an address, a time or a text
    that may be reworded. `certainty` is `is`, `looks` (the identity is likely only) or `probably` (the knowledge is
    unconfirmed). `at_most` caps the priority where the evidence is weak.
    """

    rule: str
    fact: Fact
    reach: Reach
    evidence: tuple[str, ...]
    discriminator: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    certainty: str = "is"
    cves: tuple[str, ...] = ()
    endpoint: Endpoint | None = None
    at_most: Priority = Priority.URGENT

    @property
    def priority(self) -> Priority | None:
        """What the table says, capped; None where nothing needs doing."""
        wanted = priority(self.reach, self.fact)
        return wanted and max(wanted, self.at_most, key=lambda p: p.rank)


Check = Callable[[Case], Iterable[Draft]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check, the names of the rules it may report, and the facts it gives their texts beside the common ones."""

    names: tuple[str, ...]
    facts: frozenset[str]
    check: Check


_RULES: list[Rule] = []


def rule(*names: str, facts: Iterable[str] = ()) -> Callable[[Check], Check]:
    """Register a check under the names of its rules; `exposure.*` stands for a family."""

    def register(check: Check) -> Check:
        _RULES.append(Rule(names, frozenset(facts), check))
        return check

    return register


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule there is: each module of this folder is asked, so a new family is one new file."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(_RULES)


def assess(
    device: Device,
    vantage: Vantage,
    *,
    language: str = "en",
    today: date | None = None,
    knowledge: Knowledge | None = None,
) -> tuple[Device, tuple[Gap, ...]]:
    """The device with its exposures and findings, and a gap for every rule that failed.

    Exposures the device brings (mapped, hairpin, indexed) are kept; each open service that has none yet gets one.
    A decoy gets no finding but that it is one: its claims are not believed.

    Args:
        device: identity, services, observations, keys and addresses are read.
        vantage: where its services were seen from.
        language: the language of the texts, a folder of `reports/`.
        today: the day to judge on; now (UTC) where None.
        knowledge: lifecycle, versions and advisories; what was shipped where None.
    """
    from .decoy import is_decoy

    today = today or datetime.now(UTC).date()
    case = _case(device, vantage, today, knowledge or Shipped())
    device = case.device
    believed = [rule for rule in rules() if ("decoy" in rule.names) == is_decoy(device)]
    findings: dict[str, Finding] = {}
    gaps: list[Gap] = []
    for each in believed:
        try:
            for draft in each.check(case):
                _collect(findings, case, draft, language)
        except Exception as fault:
            said = f"{', '.join(each.names)} failed: {type(fault).__name__}: {fault}"
            where = device.addresses[0] if device.addresses else device.id
            gaps.append(gap("assess", where, "rule-failed", said, matters=True))
    ordered = sorted(findings.values(), key=lambda f: (f.priority.rank, f.rule, f.id))
    return replace(device, findings=tuple(ordered)), tuple(gaps)


def finding_id(device: Device, rule: str, discriminator: str) -> str:
    """`fin-` and 10 hex digits of SHA-256 over device key, rule and discriminator: never text, address or time."""
    key = device.keys[0] if device.keys else device.id
    return "fin-" + hashlib.sha256("\0".join((key, rule, discriminator)).encode()).hexdigest()[:10]


def certainty_of(device: Device, *attributes: str) -> str | None:
    """`is` or `looks`, by the least certain of these attributes; None where one is a hint or missing."""
    identity = device.identity
    if identity is None or any(getattr(identity, attribute) is None for attribute in attributes):
        return None
    certainties = [identity.certainty.get(attribute, Certainty.HINT) for attribute in attributes]
    least = min(certainties, key=lambda certainty: certainty.weight)
    return {Certainty.CERTAIN: "is", Certainty.LIKELY: "looks"}.get(least)


def quoted(field_name: str, value: str) -> str:
    """One line of evidence: the field and what the device gave there, cut to a readable length."""
    return f"{field_name}: {shortened(value, EVIDENCE_LIMIT_CHARACTERS)}"


def shortened(text: str, limit_characters: int) -> str:
    """A text on one line, cut with an ellipsis where it is longer than the limit."""
    line = " ".join(text.split())
    return line if len(line) <= limit_characters else line[:limit_characters] + "…"


_DOUBTS = {
    "own-side": "but the router answers there on its inside address as well",
    "firewall": "but the router says that its IPv6 firewall is on",
    "shut": "but nothing answered there when it was asked from outside",
}


def seen(exposure: Exposure) -> str:
    """One line of evidence: what can be reached, how we know, and from where."""
    inner = f" -> {exposure.internal}" if exposure.internal else ""
    detail = "".join(f", {text}" for text in (exposure.detail, _DOUBTS.get(exposure.doubt, "")) if text)
    return f"{exposure.endpoint} {exposure.protocol}{inner}: {exposure.evidence} ({exposure.vantage}{detail})"


def _case(device: Device, vantage: Vantage, today: date, knowledge: Knowledge) -> Case:
    """The device with an exposure for each service that has none, each told whether it manages the device."""
    from .exposure import manages

    known = {exposure.endpoint for exposure in device.exposures}
    fresh = [_exposure(device, service, vantage) for service in device.services if service.endpoint not in known]
    case = Case(replace(device, exposures=(*device.exposures, *fresh)), vantage, today, knowledge)
    exposures = (replace(e, management=e.management or manages(case, e)) for e in case.device.exposures)
    return replace(case, device=replace(case.device, exposures=tuple(exposures)))


def _exposure(device: Device, service: Service, vantage: Vantage) -> Exposure:
    endpoint, detail = service.endpoint, ""
    if vantage is Vantage.INTERNET:
        evidence = Evidence.CONNECTED
    elif vantage is Vantage.INDEX:
        times = [o.time for o in device.observations if o.endpoint == endpoint]
        evidence, detail = Evidence.INDEXED, max(times).date().isoformat() if times else ""
    else:
        evidence = Evidence.GLOBAL_ADDRESS if is_public(endpoint.address) else Evidence.LAN_ONLY
    return Exposure(endpoint, service.protocol, vantage, evidence, service.management, detail=detail)


_REACHES = [reach.value for reach in Reach]


def _collect(findings: dict[str, Finding], case: Case, draft: Draft, language: str) -> None:
    """Two faces of one box may show the same thing: the more pressing finding stays, with the evidence of both.

    Of two that press alike, the one that is reached the more surely.
    """
    if draft.priority is None:
        return
    identifier = finding_id(case.device, draft.rule, draft.discriminator)
    finding = _finding(identifier, draft.priority, case.device, draft, language)
    if identifier in findings:
        first, second = sorted(
            (findings[identifier], finding), key=lambda f: (f.priority.rank, _REACHES.index(f.because[0]))
        )
        finding = replace(first, evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))))
    findings[identifier] = finding


def _finding(identifier: str, pressing: Priority, device: Device, draft: Draft, language: str) -> Finding:
    facts = {name: text for name, text in {**_common_facts(device, draft), **draft.facts}.items() if text}
    words = guidance.render(draft.rule, language, facts)
    return Finding(
        id=identifier,
        rule=draft.rule,
        priority=pressing,
        title=words.title,
        summary=words.summary,
        evidence=draft.evidence,
        remedy=words.remedy,
        verify=words.verify,
        references=words.references,
        cves=draft.cves,
        controls=words.controls,
        facts=facts,
        because=(draft.reach.value, draft.fact.value),
        endpoint=draft.endpoint,
    )


def _common_facts(device: Device, draft: Draft) -> dict[str, str]:
    identity = device.identity
    endpoint = draft.endpoint
    return {
        "reach": draft.reach.value,
        "certainty": draft.certainty,
        "kind": (identity and identity.kind) or "",
        "vendor": (identity and (identity.fork or identity.vendor)) or "",
        "model": (identity and identity.model) or "",
        "name": identity.name if identity else "",
        "address": endpoint.address if endpoint else (device.addresses[0] if device.addresses else ""),
        "port": str(endpoint.port) if endpoint else "",
        "endpoint": str(endpoint).removesuffix("/udp") if endpoint else "",
    }
