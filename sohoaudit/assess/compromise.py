"""Finds what only an intruder leaves behind; a port alone is never such a sign."""

import re
from collections.abc import Iterator

from ..model import Endpoint, is_public
from . import Case, Draft, quoted, rule
from .priority import Fact
from .tls import day_of

# Names that a worm gave to airOS and RouterOS boxes whose password it guessed (Ubiquiti, 2016).
_DEFACED = re.compile(r"\bHACKED-ROUTER-HELP-SOS\b[\w-]*")
# Quad7's telnet asks with its own word; `rlogin:` is also an honest word, so there the port must agree (Sekoia, 2024).
_QUAD7 = re.compile(r"(?m)^[ \t]*(?P<word>(?:x|a|zy|ax|r)login):")
_QUAD7_RLOGIN_PORTS = {63210, 3256}


@rule("compromise.mf-worm", facts=("said",))
def mf_worm(case: Case) -> Iterator[Draft]:
    """The device was renamed by a worm."""
    hostname = case.device.hostname or ""
    if found := _DEFACED.search(hostname):
        yield _sign(case, "mf-worm", None, (quoted("hostname", hostname),), said=found.group())
    for observation in case.device.observations:
        for name, value in observation.fields.items():
            if found := _DEFACED.search(value):
                yield _sign(case, "mf-worm", observation.endpoint, (quoted(name, found.group()),), said=found.group())
                return


@rule("compromise.quad7", facts=("said",))
def quad7(case: Case) -> Iterator[Draft]:
    """A shell that asks with the intruder's own word."""
    for observation, name, value in case.values("telnet.banner", "tcp.banner"):
        found, endpoint = _QUAD7.search(value), observation.endpoint
        if found and (found["word"] != "rlogin" or endpoint.port in _QUAD7_RLOGIN_PORTS):
            said = found["word"] + ":"
            yield _sign(case, "quad7", endpoint, (str(endpoint), quoted(name, value)), said=said)


@rule("compromise.wrthug", facts=("until",))
def wrthug(case: Case) -> Iterator[Draft]:
    """The certificate left on ASUS routers: named `a` in every part, valid until 2122 (SecurityScorecard, 2025)."""
    for observation, name, value in case.values("tls.subject"):
        until = day_of(observation.fields.get("tls.not_after", ""))
        parts = _name_parts(value)
        is_all_a = {parts.get(key) for key in ("CN", "OU", "O")} == {"a"} and set(parts.values()) <= {"a", "aa"}
        if is_all_a and until and until.year >= 2120:
            evidence = (str(observation.endpoint), quoted(name, value), quoted("tls.not_after", until.isoformat()))
            yield _sign(case, "wrthug", observation.endpoint, evidence, until=until.isoformat())


@rule("compromise.lapdogs")
def lapdogs(case: Case) -> Iterator[Draft]:
    """A self-signed certificate that pretends to be the Los Angeles police (SecurityScorecard, 2025)."""
    for observation, name, value in case.values("tls.subject"):
        is_self_signed = value == observation.fields.get("tls.issuer")
        if _name_parts(value).get("O") == "LAPD" and is_self_signed:
            evidence = (str(observation.endpoint), quoted(name, value))
            yield _sign(case, "lapdogs", observation.endpoint, evidence)


@rule("compromise.upnproxy", facts=("mapping", "said"))
def upnproxy(case: Case) -> Iterator[Draft]:
    """A mapping that leads back out to the internet, or that bears the text of a known campaign (Akamai, 2018)."""
    for observation, name, value in case.values("upnp.mapping"):
        for line in value.splitlines():
            is_marked = "galleta silenciosa" in line.lower()
            if is_marked or _leads_out(line, observation.endpoint):
                said = "galleta silenciosa" if is_marked else ""
                yield _sign(case, "upnproxy", observation.endpoint, (quoted(name, line),), mapping=line, said=said)


def _sign(case: Case, family: str, endpoint: Endpoint | None, evidence: tuple[str, ...], **facts: str) -> Draft:
    return Draft(
        rule=f"compromise.{family}",
        fact=Fact.COMPROMISED,
        reach=case.reach(endpoint),
        evidence=evidence,
        facts=facts,
        endpoint=endpoint,
    )


def _name_parts(name: str) -> dict[str, str]:
    """The parts of a distinguished name, written `CN=a,O=b` in any order (RFC 4514)."""
    parts = (part.partition("=") for part in re.split(r"(?<!\\)[,+/\n]", name))
    return {key.strip().upper(): value.strip() for key, _, value in parts if value}


def _leads_out(mapping: str, gateway: Endpoint) -> bool:
    """Whether a line `TCP 8080 192.168.1.5:80 enabled …` names a public client, of a gateway that itself has none."""
    try:
        client = mapping.split()[2].rpartition(":")[0].strip("[]")
        return is_public(client) and not is_public(gateway.address)
    except (ValueError, IndexError):
        return False
