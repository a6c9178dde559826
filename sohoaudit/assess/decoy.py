"""Recognises boxes that pretend to be many devices at once; what they say is not believed."""

from collections.abc import Iterator

from ..model import Certainty, Device, Match, Priority
from . import Case, Draft, rule
from .priority import Fact

# OEM texts name two or three makers on an honest box, and no small device serves forty ports.
MAKERS_AT_ONCE = 5
OPEN_PORTS = 40


def is_decoy(device: Device) -> bool:
    """Whether a device looks like five makers at once, answers on nearly every port, or was recognised as a decoy."""
    is_marked = device.identity is not None and "decoy" in device.identity.traits
    return is_marked or len(_makers(device)) >= MAKERS_AT_ONCE or _open_ports(device) >= OPEN_PORTS


@rule("decoy", facts=("makers", "ports"))
def decoy(case: Case) -> Iterator[Draft]:
    """One finding to know of, whatever the box pretends."""
    makers, ports = _makers(case.device), _open_ports(case.device)
    yield Draft(
        rule="decoy",
        fact=Fact.UNKNOWN,
        reach=case.reach(),
        evidence=tuple(f"{match.field}: {match.text}" for match in _vendor_matches(case.device))[:8],
        facts={
            "makers": ", ".join(makers) if len(makers) >= MAKERS_AT_ONCE else "",
            "ports": str(ports) if ports >= OPEN_PORTS else "",
        },
        at_most=Priority.LOW,
    )


def _vendor_matches(device: Device) -> list[Match]:
    evidence = device.identity.evidence if device.identity else ()
    return [m for m in evidence if m.attribute == "vendor" and m.certainty is not Certainty.HINT]


def _makers(device: Device) -> list[str]:
    return sorted({match.value for match in _vendor_matches(device)})


def _open_ports(device: Device) -> int:
    return len({service.endpoint.port for service in device.services})
