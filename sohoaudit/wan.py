"""Learns this network's address on the internet from its gateway: by UPnP IGD and by NAT-PMP; nothing is mapped."""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence

from .dialer import Dialer
from .here import Here
from .model import Audit, Endpoint, Observation, Scope, Transport, is_public
from .sweep.pace import NORMAL, PoliteKeeper

TOLD_BY = ("upnp.external_address", "natpmp.external_address")
CARRIER_NAT = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598
_SSDP_PORT, _NATPMP_PORT = 1900, 5351


class WanUnknown(ValueError):
    """The gateway told no address on the internet: one line that says why and what to do instead."""


def ask(here: Here) -> tuple[str, ...]:
    """The public addresses that this machine's gateways name as their own.

    Only the gateways are asked, one search and one datagram each.

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
    told = [o.fields[name] for o in observations for name in TOLD_BY if o.fields.get(name)]
    return tuple(dict.fromkeys(address for text in told if (address := _address(text))))


def is_carrier(address: str) -> bool:
    """Whether it is of the range that providers use inside their own network (RFC 6598)."""
    ip = ipaddress.ip_address(address)
    return ip.version == 4 and ip in CARRIER_NAT


async def _told(gateways: Sequence[str]) -> list[Observation]:
    from .probe import Dialogue, natpmp, upnp

    scope = Scope(tuple(ipaddress.ip_network(gateway.split("%")[0]) for gateway in gateways))
    dialogue = Dialogue(Dialer(scope, PoliteKeeper(NORMAL)))
    told = []
    for gateway in gateways:
        for question, port in ((upnp.ask, _SSDP_PORT), (natpmp.ask, _NATPMP_PORT)):
            try:
                told.append(await question(Endpoint(gateway, port, Transport.UDP), dialogue))
            except OSError:  # closed, or no route: the next question may be answered
                continue
    return [observation for observation in told if observation]


def _address(text: str) -> str | None:
    try:
        ip = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return None if ip.is_unspecified else str(ip)
