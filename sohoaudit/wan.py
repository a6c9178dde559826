"""Learns this network's outside address from its gateway: by UPnP IGD, NAT-PMP or its pages; nothing is mapped."""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .dialer import Dialer
from .here import Here
from .joining import Face
from .knowledge.outside_addresses import told_in
from .model import Audit, Endpoint, Observation, Scope, Transport, Vantage, is_public
from .sweep.pace import NORMAL, PoliteKeeper

if TYPE_CHECKING:
    from .probe import Dialogue

CARRIER_NAT = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_SSDP_PORT, _NATPMP_PORT = 1900, 5351
# Where pages and discovery protocols tell the address, for a gateway that names it by neither of the two.
_PAGES, _DISCOVERY = (80, 443), (10001,)


class WanUnknown(ValueError):
    """The gateway told no address on the internet: one line that says why and what to do instead."""


def ask(here: Here) -> tuple[str, ...]:
    """The public addresses that this machine's gateways name as their own.

    Only the gateways are asked, one search and one datagram each; where those tell nothing, for their pages.

    Raises:
        WanUnknown: there is no gateway, it says nothing, or what it says is not on the internet.
    """
    if not here.gateways:
        raise WanUnknown("wan: this machine has no default route: give the outside address as a number")
    return public_of(asyncio.run(_told(here.gateways)))


def public_of(observations: Iterable[Observation]) -> tuple[str, ...]:
    """The public ones of the addresses that gateways named.

    Raises:
        WanUnknown: there is none; the text says what was named instead.
    """
    told = addresses_in(observations)
    if public := tuple(address for address in told if is_public(address)):
        return public
    instead = "give the outside address as a number (your provider or the router's status page has it)"
    if not told:
        raise WanUnknown(f"wan: the gateway does not tell its outside address: {instead}")
    why = "it shares an address with other customers" if is_carrier(told[0]) else "it stands behind another router"
    raise WanUnknown(f"wan: the gateway's outside address {told[0]} is not on the internet ({why}): {instead}")


def of_audit(audit: Audit) -> tuple[str, ...]:
    """The outside addresses that an audit knows: those in its scope where it looked from there, else as `public_of`."""
    reached = dict.fromkeys(
        exposure.endpoint.address
        for device in audit.devices
        for exposure in device.exposures
        if exposure.vantage == "internet" and is_public(exposure.endpoint.address)
    )
    named = dict.fromkeys(a for a in audit.scope.addresses() if is_public(a)) if audit.scope.size <= 16 else {}
    if audit.scope.vantage == "internet" and (reached or named):
        return tuple(reached | named)
    return public_of(observation for device in audit.devices for observation in device.observations)


def addresses_in(observations: Iterable[Observation]) -> tuple[str, ...]:
    """Every address that is named as an outside one, each once, whether on the internet or not."""
    return tuple(dict.fromkeys(address for observation in observations for _, address in told_in(observation)))


def is_carrier(address: str) -> bool:
    """Whether it is of the range that providers use inside their own network (RFC 6598)."""
    ip = ipaddress.ip_address(address)
    return ip.version == 4 and ip in CARRIER_NAT


async def _told(gateways: Sequence[str]) -> list[Observation]:
    from .probe import Dialogue, natpmp, upnp

    scope = Scope(tuple(ipaddress.ip_network(gateway.split("%")[0]) for gateway in gateways))
    keeper = PoliteKeeper(NORMAL)
    dialogue = Dialogue(Dialer(scope, keeper))
    told: list[Observation | None] = []
    for gateway in gateways:
        for question, port in ((upnp.ask, _SSDP_PORT), (natpmp.ask, _NATPMP_PORT)):
            try:
                told.append(await question(Endpoint(gateway, port, Transport.UDP), dialogue))
            except OSError:  # closed, or no route: the next question may be answered
                continue
    heard = [observation for observation in told if observation]
    return heard if addresses_in(heard) else [*heard, *await _told_by_pages(gateways, dialogue, keeper)]


async def _told_by_pages(gateways: Sequence[str], dialogue: "Dialogue", keeper: PoliteKeeper) -> list[Observation]:
    """What the gateways' pages say, asked as an audit asks them."""
    from .identify import Identifier
    from .knowledge import fingerprints
    from .sweep.connect import Connect
    from .visit import Visit

    identifier = Identifier(fingerprints.load())
    faces = [Face(gateway, Vantage.LAN) for gateway in gateways]
    for face in faces:
        await Visit(face, _PAGES, _DISCOVERY, dialogue, keeper, identifier, Connect()).run()
    return [observation for face in faces for observation in face.observations]
