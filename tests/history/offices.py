"""A small office over a month, built by hand, that the tests of the history share."""

import ipaddress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sohoaudit.model import (
    Audit,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Gap,
    Identity,
    Priority,
    Scope,
    Service,
    Transport,
    Vantage,
)

MONDAY = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
OFFICE = Scope((ipaddress.ip_network("192.168.1.0/24"),), targets=("192.168.1.0/24",))
SWEPT = {"sweep": "connect", "tcp ports": "84", "udp ports": "12"}


def finding(identifier: str, rule: str, priority: Priority = Priority.HIGH, **more: object) -> Finding:
    plain = Finding(f"fin-{identifier}", rule, priority, f"title of {rule}", "what", ("why",), ("do",), "check")
    return replace(plain, **more)  # type: ignore[arg-type]


def named(model: str, firmware: str | None = "1.0", vendor: str = "Acme", kind: str = "router") -> Identity:
    return Identity(vendor, model, None, firmware, kind, None, {"vendor": Certainty.CERTAIN})


def web(address: str, port: int = 80) -> Service:
    return Service(Endpoint(address, port), "http", "lighttpd", "1.4.59", True)


def router(address: str = "192.168.1.1", *, firmware: str | None = "1.0", **more: object) -> Device:
    plain = Device(
        id="dev-router",
        addresses=(address,),
        mac="00:00:5e:00:53:01",
        identity=named("R1", firmware),
        services=(web(address, 443), Service(Endpoint(address, 1900, Transport.UDP), "upnp")),
        findings=(finding("eol", "firmware.end-of-life", Priority.MEDIUM),),
        keys=("tls:aa", "mac:00:00:5e:00:53:01"),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def camera(address: str = "192.168.1.20", *, is_mapped: bool = False, **more: object) -> Device:
    outside = Endpoint("203.0.113.7", 8081)
    exposure = Exposure(outside, "http", Vantage.LAN, Evidence.MAPPED, True, f"{address}:80")
    mapping = finding("map", "upnp.port-mapping", Priority.URGENT, endpoint=outside)
    plain = Device(
        id="dev-camera",
        addresses=(address,),
        identity=named("C2", "1.05", "Other", "camera"),
        services=(web(address),),
        exposures=(exposure,) if is_mapped else (),
        findings=(mapping,) if is_mapped else (),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def audit(*devices: Device, day: float = 0, gaps: tuple[Gap, ...] = (), **more: object) -> Audit:
    started = MONDAY + timedelta(days=day)
    plain = Audit(OFFICE, started, started + timedelta(minutes=2), devices, gaps, settings=SWEPT)
    return replace(plain, **more)  # type: ignore[arg-type]
