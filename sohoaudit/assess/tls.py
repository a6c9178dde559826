"""Finds encryption that protects nobody: expired, too old, or with a key that every box of a model shares."""

import re
from collections.abc import Iterator
from datetime import date, datetime

from ..knowledge import shared_keys
from ..model import Observation
from . import Case, Draft, quoted, rule
from .priority import Fact

_VERSION = re.compile(r"\b(SSL|TLS)\s?v?\s?(\d(?:\.\d)?)", re.IGNORECASE)
_OLD = {("SSL", "2"), ("SSL", "3"), ("TLS", "1"), ("TLS", "1.0")}


@rule("tls.expired", facts=("until",))
def expired(case: Case) -> Iterator[Draft]:
    """The certificate's time is over. One signed by the device itself is normal and no finding."""
    for observation, name, value in case.values("tls.not_after"):
        until = day_of(value)
        if until and until < case.today:
            yield _draft(case, observation, "tls.expired", Fact.OUTDATED, quoted(name, value), until=until.isoformat())


@rule("tls.old-protocol", facts=("version",))
def old_protocol(case: Case) -> Iterator[Draft]:
    """Nothing newer than TLS 1.0 is spoken."""
    for observation in case.device.observations:
        fields = [n for n in ("tls.versions", "tls.version", "tls.fault") if n in observation.fields]
        spoken = {(kind.upper(), number) for n in fields for kind, number in _VERSION.findall(observation.fields[n])}
        if not spoken or not spoken <= _OLD:
            continue
        newest = " ".join(max(spoken)).replace("TLS 1", "TLS 1.0").replace("1.0.0", "1.0")
        evidence = [quoted(n, observation.fields[n]) for n in fields]
        yield _draft(case, observation, "tls.old-protocol", Fact.OUTDATED, *evidence, version=newest)


@rule("tls.shared-key", facts=("owner",))
def shared_key(case: Case) -> Iterator[Draft]:
    """The certificate's private key is public knowledge: it ships in firmware or source anybody can download."""
    for observation, name, value in case.values("tls.sha256", "tls.key_sha256"):
        owner = shared_keys.owners().get(value.replace(":", "").strip().lower())
        if owner:
            yield _draft(case, observation, "tls.shared-key", Fact.VULNERABLE, quoted(name, value), owner=owner)


def day_of(text: str) -> date | None:
    """The day of an ISO 8601 time, or None."""
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None


def _draft(case: Case, observation: Observation, name: str, fact: Fact, *evidence: str, **facts: str) -> Draft:
    endpoint = observation.endpoint
    return Draft(
        rule=name,
        fact=fact,
        reach=case.reach(endpoint),
        evidence=(str(endpoint), *evidence),
        discriminator=f"{endpoint.transport}:{endpoint.port}",
        facts=facts,
        endpoint=endpoint,
    )
