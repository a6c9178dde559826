"""Finds name servers that answer strangers."""

from collections.abc import Iterator

from ..model import Vantage
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
