"""Recognises a router that does not stand on the internet itself, so that what it forwards is not there either."""

import ipaddress
from collections.abc import Iterator

from ..knowledge.outside_addresses import told_in
from ..model import Observation, Priority, is_public
from . import Case, Draft, quoted, rule
from .priority import Fact

_CARRIER = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598


@rule("wan.carrier-nat", "wan.double-nat", facts=("outside", "forwards"))
def behind_another(case: Case) -> Iterator[Draft]:
    """The address that the router calls its outside one is of a carrier's own network, or of another router's."""
    for observation, name, value in _named(case):
        outside = _private(value)
        if outside is None or is_public(observation.endpoint.address):
            continue
        forwards = [line for _, _, lines in case.values("upnp.mapping") for line in lines.splitlines()]
        yield Draft(
            rule="wan.carrier-nat" if outside in _CARRIER else "wan.double-nat",
            fact=Fact.UNKNOWN,
            reach=case.reach(observation.endpoint),
            evidence=(quoted(name, value), *(quoted("upnp.mapping", line) for line in forwards[:8])),
            facts={"outside": str(outside), "forwards": str(len(forwards)) if forwards else ""},
            endpoint=observation.endpoint,
            at_most=Priority.LOW,
        )


def _named(case: Case) -> Iterator[tuple[Observation, str, str]]:
    for observation in case.device.observations:
        for name, address in told_in(observation):
            yield observation, name, address


def _private(text: str) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a text is, where it is a usable one that is not on the internet."""
    try:
        ip = ipaddress.IPv4Address(text.strip())
    except ValueError:
        return None
    return None if is_public(ip) or ip.is_unspecified or ip.is_loopback or ip.is_link_local else ip
