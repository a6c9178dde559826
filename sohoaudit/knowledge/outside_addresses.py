"""Reads `fingerprints/outside-addresses.yaml`: where a router tells its own address on the internet, and takes it."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

from ..model import Observation, is_public
from . import patterns, shipped
from .text_yaml import KnowledgeError, load
from .text_yaml import Mapping as Entry

# The two that are made for telling it hold nothing else.
TOLD_BY = ("upnp.external_address", "natpmp.external_address")
_WHERE = "fingerprints/outside-addresses.yaml"


@dataclass(frozen=True, slots=True)
class Place:
    """One field that holds the address; where it `lists_every` leg of the box, only a public one counts."""

    pattern: patterns.Pattern
    lists_every: bool
    example: str


def told_in(observation: Observation) -> Iterator[tuple[str, str]]:
    """Each (field, address) by which the observation names an outside address, public or not; in its short spelling.

    What is no address, and 0.0.0.0, which a box without a connection tells, is left out.
    """
    for name in TOLD_BY:
        if address := _usable(observation.fields.get(name, "")):
            yield name, address
    for name in observation.fields.keys() & places().keys():
        place = places()[name]
        for text in observation.fields[name].splitlines() if place.lists_every else [observation.fields[name]]:
            found = place.pattern.find(patterns.engine().prepare(text))
            address = _usable(found["address"]) if found else None
            if address and (is_public(address) or not place.lists_every):
                yield name, address


@cache
def places() -> Mapping[str, Place]:
    """Every place by its field.

    Raises:
        KnowledgeError: the file is not as it should be.
    """
    root = load((shipped("fingerprints") / "outside-addresses.yaml").read_text(encoding="utf-8"), _WHERE).root
    try:
        return {
            str(entry["field"]): Place(
                patterns.engine().compile(str(entry["pattern"])), entry.get("every") == "yes", str(entry["example"])
            )
            for entry in cast(list[Entry], cast(Entry, root)["places"])
        }
    except (KeyError, TypeError, ValueError) as fault:
        raise KnowledgeError(_WHERE, 1, f"each place wants field, pattern and example: {fault!r}") from fault


def _usable(text: str) -> str | None:
    try:
        ip = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return None if ip.is_unspecified else str(ip)
