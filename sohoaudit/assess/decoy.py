"""Recognises boxes that pretend to be many devices at once; what they say is not believed."""

from collections import defaultdict
from collections.abc import Iterator

from ..model import Certainty, Device, Endpoint, Match, Priority, Vantage
from . import Case, Draft, quoted, rule
from .priority import Fact

OPEN_PORTS = 40  # no small device serves so many
NAMES_OF_ONE_PORT = 3
_NAMING = ("http.server", "ssh.banner", "ftp.banner", "telnet.banner", "upnp.server", "snmp.sysdescr", "tls.key_sha256")


def is_decoy(device: Device) -> bool:
    """Whether identification found a decoy (many makers, a honeypot's own text), most ports answer, or one changes.

    A port changes where it named itself in three ways or more, seen from one side; a new firmware makes it two.
    """
    is_marked = device.identity is not None and "decoy" in device.identity.traits
    return is_marked or _open_ports(device) >= OPEN_PORTS or bool(_changing(device))


@rule("decoy", facts=("makers", "ports", "answers"))
def decoy(case: Case) -> Iterator[Draft]:
    """One finding to know of, whatever the box pretends."""
    matches, ports = _vendor_matches(case.device), _open_ports(case.device)
    makers = sorted({match.value for match in matches})
    said = dict.fromkeys(quoted(match.field, match.text) for match in matches)
    changing = _changing(case.device)
    yield Draft(
        rule="decoy",
        fact=Fact.UNKNOWN,
        reach=case.reach(),
        evidence=(f"open ports: {ports}", *list(said)[:8], *(quoted(*each) for each in changing[:8])),
        facts={
            "makers": ", ".join(makers) if len(makers) > 2 else "",
            "ports": str(ports) if ports >= OPEN_PORTS else "",
            "answers": str(len(changing)) if changing else "",
        },
        at_most=Priority.LOW,
    )


def _vendor_matches(device: Device) -> list[Match]:
    evidence = device.identity.evidence if device.identity else ()
    return [match for match in evidence if match.attribute == "vendor" and match.certainty is not Certainty.HINT]


def _changing(device: Device) -> list[tuple[str, str]]:
    """Field and text of every way in which one port named itself, where there are three or more."""
    named: dict[tuple[Endpoint, Vantage, str], dict[str, None]] = defaultdict(dict)
    for observation in device.observations:
        for name in _NAMING:
            if value := observation.fields.get(name):
                named[observation.endpoint, observation.vantage, name][value] = None
    changing = (key for key, values in named.items() if len(values) >= NAMES_OF_ONE_PORT)
    return next(([(key[2], value) for value in named[key]] for key in changing), [])


def _open_ports(device: Device) -> int:
    return len({service.endpoint.port for service in device.services})
