"""Finds name servers that answer strangers, and those that send people elsewhere than the owners of the names do."""

import ipaddress
from collections.abc import Iterator, Mapping

from ..knowledge.known_names import NOBODY, KnownName, known_names
from ..model import Observation, Priority, Vantage, is_public
from . import Case, Draft, quoted, rule
from .priority import Fact, Reach


@rule("dns.open-resolver")
def open_resolver(case: Case) -> Iterator[Draft]:
    """A recursive answer given to the internet; inside, answering is what a router is for."""
    for observation, name, value in case.values("dns.recursion"):
        exposures = [e for e in case.exposures_of(observation.endpoint) if e.vantage is Vantage.INTERNET]
        if value.strip().lower() == "available" and exposures and case.reach(observation.endpoint) is Reach.INTERNET:
            yield Draft(
                rule="dns.open-resolver",
                fact=Fact.VULNERABLE,
                reach=Reach.INTERNET,
                evidence=(f"{observation.endpoint}", quoted(name, value)),
                endpoint=observation.endpoint,
            )


@rule("compromise.dns-hijack", facts=("wrong", "alike"))
def hijack(case: Case) -> Iterator[Draft]:
    """Answers for known names that lead to strangers on the internet (NCSC-UK and FBI, 2026).

    An address inside, or none, is what a filter gives, or a router without internet, and no sign. Public ones are worth
    a look, no more, where it is one name, only what filters often block, or the address that names get which cannot
    exist, as a provider's search page does. Two names are a sign, of owners that share nothing or led to one place.
    """
    for observation in case.device.observations:
        strange = _strange(observation)
        everybody = set(_public(observation, NOBODY))
        if not strange and not everybody:
            continue
        is_sign = _is_sign({known: at for known, at in strange.items() if not everybody.issuperset(at)})
        led = {known.name: addresses for known, addresses in strange.items()} or {NOBODY: tuple(everybody)}
        yield Draft(
            rule="compromise.dns-hijack",
            fact=Fact.COMPROMISED if is_sign else Fact.UNKNOWN,
            reach=case.reach(observation.endpoint),
            evidence=(str(observation.endpoint), *(quoted(f"dns.address@{n}", " ".join(led[n])) for n in led)),
            facts={
                "wrong": ", ".join(f"{name} → {addresses[0]}" for name, addresses in led.items()),
                "alike": NOBODY if everybody else "",
            },
            certainty="is" if is_sign else "probably",
            endpoint=observation.endpoint,
            at_most=Priority.HIGH if is_sign else Priority.LOW,
        )


def _strange(observation: Observation) -> Mapping[KnownName, tuple[str, ...]]:
    """The known names that were given a public address which their owner does not publish, and those addresses."""
    answers = {known: _public(observation, known.name) for known in known_names()}
    led = {known: tuple(a for a in addresses if not known.holds(a)) for known, addresses in answers.items()}
    return {known: addresses for known, addresses in led.items() if addresses}


def _is_sign(strange: Mapping[KnownName, tuple[str, ...]]) -> bool:
    """Whether two names lead astray in a way that neither a filter nor an old list of addresses explains."""
    places = [set(addresses) for addresses in strange.values()]
    is_one_place = any(first & second for at, first in enumerate(places) for second in places[:at])
    is_two_owners = len({known.networks for known in strange}) > 1
    return (is_one_place or is_two_owners) and not all(known.is_often_blocked for known in strange)


def _public(observation: Observation, name: str) -> tuple[str, ...]:
    """The public addresses among what was answered for a name."""
    lines = observation.fields.get(f"dns.address@{name}", "").splitlines()
    return tuple(line for line in lines if _is_address(line) and is_public(line))


def _is_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False
