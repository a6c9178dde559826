"""Recognises boxes that pretend to be many devices at once; what they say is not believed."""

from collections.abc import Iterator

from ..model import Certainty, Device, Match, Priority
from . import Case, Draft, quoted, rule
from .priority import Fact

OPEN_PORTS = 40  # no small device serves so many


def is_decoy(device: Device) -> bool:
    """Whether identification found a decoy (many makers, a honeypot's own text), or most ports answer."""
    is_marked = device.identity is not None and "decoy" in device.identity.traits
    return is_marked or _open_ports(device) >= OPEN_PORTS


@rule("decoy", facts=("makers", "ports"))
def decoy(case: Case) -> Iterator[Draft]:
    """One finding to know of, whatever the box pretends."""
    matches, ports = _vendor_matches(case.device), _open_ports(case.device)
    makers = sorted({match.value for match in matches})
    said = dict.fromkeys(quoted(match.field, match.text) for match in matches)
    yield Draft(
        rule="decoy",
        fact=Fact.UNKNOWN,
        reach=case.reach(),
        evidence=(f"open ports: {ports}", *list(said)[:8]),
        facts={
            "makers": ", ".join(makers) if len(makers) > 2 else "",
            "ports": str(ports) if ports >= OPEN_PORTS else "",
        },
        at_most=Priority.LOW,
    )


def _vendor_matches(device: Device) -> list[Match]:
    evidence = device.identity.evidence if device.identity else ()
    return [match for match in evidence if match.attribute == "vendor" and match.certainty is not Certainty.HINT]


def _open_ports(device: Device) -> int:
    return len({service.endpoint.port for service in device.services})
