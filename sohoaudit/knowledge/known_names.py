"""Reads `fingerprints/known-names.yaml`: names whose true addresses are published, to hold a name server against."""

import ipaddress
from dataclasses import dataclass
from functools import cache
from typing import cast

from . import shipped
from .text_yaml import KnowledgeError, Listing, Mapping, load

# No name under `.invalid` exists (RFC 6761, section 6.4): who gives it an address gives one to everything.
NOBODY = "sohoaudit.invalid"
_WHERE = "fingerprints/known-names.yaml"


@dataclass(frozen=True, slots=True)
class KnownName:
    """One name; `is_often_blocked` says that filters send it elsewhere on purpose."""

    name: str
    is_often_blocked: bool
    networks: tuple[ipaddress.IPv4Network, ...]

    def holds(self, address: str) -> bool:
        """Whether the address is one that the owner of the name publishes."""
        ip = ipaddress.IPv4Address(address)
        return any(ip in network for network in self.networks)


@cache
def known_names() -> tuple[KnownName, ...]:
    """Every known name, in the order in which they are asked for.

    Raises:
        KnowledgeError: the file is not as it should be.
    """
    root = load((shipped("fingerprints") / "known-names.yaml").read_text(encoding="utf-8"), _WHERE).root
    try:
        entries = cast(list[Mapping], cast(Mapping, root)["known"])
        return tuple(
            KnownName(
                str(name),
                {"often": True, "hardly": False}[str(entry["filtered"])],
                tuple(ipaddress.IPv4Network(str(text)) for text in cast(Listing, entry["addresses"])),
            )
            for entry in entries
            for name in cast(Listing, entry["names"])
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise KnowledgeError(_WHERE, 1, f"each entry wants names, filtered and addresses: {fault!r}") from fault
