"""Finds doors the router opened because a program asked it to, and routers that take such requests from outside."""

from collections.abc import Iterator

from ..model import Evidence, Vantage
from . import Case, Draft, quoted, rule, seen
from .exposure import asks_for_password, manages, protocol_of
from .priority import Fact, Reach, reach_of

# Told only by a gateway whose control was found or answered there; an announcement alone proves no control.
_CONTROL = {"upnp.control_url", "upnp.external_address", "upnp.mapping"}

# Somebody asked for a way to just this port, so that the number is more than a guess even where nothing spoke.
_ASKED_FOR = {"adb"}


@rule("upnp.port-mapping", facts=("protocol", "door", "internal", "control"))
def port_mapping(case: Case) -> Iterator[Draft]:
    """A mapping leads from the internet to this device.

    To its controls or files it is as pressing as any open door; a game's or a phone's is worth asking about.
    """
    for exposure in case.device.exposures:
        if exposure.evidence is not Evidence.MAPPED:
            continue
        endpoint, protocol = exposure.endpoint, protocol_of(case, exposure)
        is_control = manages(case, exposure)
        if exposure.protocol in _ASKED_FOR:
            protocol, is_control = exposure.protocol, True
        yield Draft(
            rule="upnp.port-mapping",
            fact=Fact.MANAGEMENT if is_control else Fact.UNKNOWN,
            reach=reach_of([exposure], case.today),
            evidence=tuple(seen(e) for e in case.device.exposures if e.endpoint == endpoint),
            discriminator=f"{endpoint.transport}:{endpoint.port}",
            facts={
                "protocol": protocol,
                "door": "sign-in" if asks_for_password(case, exposure) else protocol,
                "internal": exposure.internal or "",
                "control": "yes" if is_control else "no",
            },
            endpoint=endpoint,
        )


@rule("upnp.ipv6-pinhole", facts=("count",))
def ipv6_pinhole(case: Case) -> Iterator[Draft]:
    """The router holds doors open in its IPv6 firewall because programs asked it to; it does not say to whom."""
    for observation, name, value in case.values("upnp.ipv6_pinholes_open"):
        yield Draft(
            rule="upnp.ipv6-pinhole",
            fact=Fact.UNKNOWN,
            reach=Reach.PERHAPS,
            evidence=(f"{observation.endpoint}", quoted(name, value)),
            facts={"count": value},
            endpoint=observation.endpoint,
        )


@rule("upnp.wan-control", facts=("control",))
def wan_control(case: Case) -> Iterator[Draft]:
    """UPnP answered on the internet side: a gateway's control opens doors without a password."""
    for exposure in case.device.exposures:
        if exposure.vantage is not Vantage.INTERNET or reach_of([exposure], case.today) is not Reach.INTERNET:
            continue
        answers = [
            (name, value)
            for observation in case.device.observations
            if observation.endpoint == exposure.endpoint
            for name, value in observation.fields.items()
            if name.startswith("upnp.") and name != "upnp.fault"
        ]
        if not answers:
            continue
        is_gateway = any(name in _CONTROL for name, _ in answers)
        yield Draft(
            rule="upnp.wan-control",
            fact=Fact.OPEN if is_gateway else Fact.MANAGEMENT,
            reach=Reach.INTERNET,
            evidence=(seen(exposure), *(quoted(name, value) for name, value in answers[:6])),
            facts={"control": "yes" if is_gateway else "no"},
            endpoint=exposure.endpoint,
        )
