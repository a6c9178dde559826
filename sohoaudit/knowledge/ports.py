"""Reads `fingerprints/ports.yaml`: which ports are asked, what usually speaks there, and which of them manage."""

from dataclasses import dataclass
from functools import cache
from typing import cast

from ..model import Transport
from . import shipped
from .text_yaml import Listing, Mapping, load


@dataclass(frozen=True, slots=True)
class Port:
    """One port of the default list."""

    port: int
    transport: Transport
    protocol: str
    manages: bool


@cache
def default_ports(transport: Transport) -> tuple[Port, ...]:
    """The ports asked by default, best value first."""
    return tuple(
        Port(int(str(entry["port"])), transport, str(entry["protocol"]), entry.get("manages") == "yes")
        for entry in cast(list[Mapping], _root()[transport.value])
    )


@cache
def thorough_tcp_ports() -> tuple[int, ...]:
    """The TCP ports of a thorough look: the default ones, and those where intruders were found."""
    default = (port.port for port in default_ports(Transport.TCP))
    return tuple(dict.fromkeys((*default, *(int(str(port)) for port in cast(Listing, _root()["thorough"])))))


@cache
def harmful_ports() -> frozenset[int]:
    """Ports that are opened only where the user names them one by one."""
    return frozenset(int(str(port)) for port in cast(Listing, _root()["harmful"]))


@cache
def known(port: int, transport: Transport) -> Port:
    """What usually speaks on a port; an unknown one is called "unknown" and manages nothing."""
    for entry in default_ports(transport):
        if entry.port == port:
            return entry
    return Port(port, transport, "unknown", False)


# What speaks these can administer the device, on whatever port it is found.
_MANAGING = {"http", "https", "ssh", "telnet", "ftp", "snmp", "upnp", "winbox", "cwmp", "routeros-api"}


def manages(protocol: str, port: int, transport: Transport) -> bool:
    """Whether the device can be administered through this protocol on this port."""
    entry = known(port, transport)
    if entry.protocol == protocol:
        return entry.manages
    return protocol in _MANAGING


@cache
def _root() -> Mapping:
    text = (shipped("fingerprints") / "ports.yaml").read_text(encoding="utf-8")
    return cast(Mapping, load(text, "fingerprints/ports.yaml").root)
