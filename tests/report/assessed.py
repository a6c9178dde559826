"""Four offices judged by the real rules and the shipped knowledge, so that page one reads as people get it."""

import ipaddress
from datetime import UTC, date, datetime, timedelta

from sohoaudit.assess import assess
from sohoaudit.model import (
    Audit,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Identity,
    Observation,
    Scope,
    Service,
    Vantage,
)

STARTED = datetime(2026, 11, 23, 9, 2, tzinfo=UTC)
WAN = "203.0.113.7"


def identity(vendor: str, model: str, kind: str, firmware: str | None) -> Identity:
    """An identity that the device told in the proper place."""
    certainty = dict.fromkeys(("vendor", "model", "kind", "firmware"), Certainty.CERTAIN)
    return Identity(vendor, model, None, firmware, kind, None, certainty)


def seen(address: str, port: int, vantage: Vantage = Vantage.LAN, **fields: str) -> Observation:
    """What one port said; `http_title` stands for `http.title`."""
    told = {name.replace("_", ".", 1): value for name, value in fields.items()}
    return Observation.of(Endpoint(address, port), told).seen_from(vantage)


def open_to_the_internet(port: int, protocol: str) -> Exposure:
    """A port of the router that was reached from outside."""
    return Exposure(Endpoint(WAN, port), protocol, Vantage.INTERNET, Evidence.CONNECTED, True)


PASSWORD_PAGE = '<input type="password" name="pw">'
NAS = Device(
    id="dev-nas",
    addresses=("192.168.1.20",),
    hostname="diskstation",
    identity=identity("Synology", "DS220+", "nas", "7.3.2-86009"),
    services=(Service(Endpoint("192.168.1.20", 5000), "http", "nginx", None, True),),
    keys=("mac:00:11:32:00:00:20",),
)
PRINTER = Device(
    id="dev-printer",
    addresses=("192.168.1.30",),
    identity=identity("Brother", "HL-L2350DW", "printer", None),
    services=(Service(Endpoint("192.168.1.30", 631), "ipp"),),
    keys=("mac:00:80:77:00:00:30",),
)
FRITZ_BOX = Device(
    id="dev-router",
    addresses=("192.168.1.1",),
    identity=identity("AVM", "FRITZ!Box 7590", "router", "8.25"),
    services=(Service(Endpoint("192.168.1.1", 443), "https", None, None, True),),
    keys=("mac:c8:0e:14:00:00:01",),
)
DRAYTEK = Device(
    id="dev-router",
    addresses=("192.168.1.1", WAN),
    identity=identity("DrayTek", "Vigor2960", "router", "1.5.1.4"),
    services=(Service(Endpoint("192.168.1.1", 443), "https", None, None, True),),
    exposures=(open_to_the_internet(443, "https"), open_to_the_internet(22, "ssh")),
    observations=(
        seen(WAN, 443, Vantage.INTERNET, http_title="Vigor Login Page", http_body=PASSWORD_PAGE),
        seen(WAN, 22, Vantage.INTERNET, ssh_banner="SSH-2.0-dropbear_2019.78"),
    ),
    keys=("mac:00:1d:aa:00:00:01",),
)
CAMERA = Device(
    id="dev-camera",
    addresses=("192.168.1.40",),
    identity=identity("Hikvision", "DS-2CD2042WD-I", "camera", "V5.4.0"),
    services=(
        Service(Endpoint("192.168.1.40", 80), "http", "App-webs", None, True),
        Service(Endpoint("192.168.1.40", 554), "rtsp"),
    ),
    exposures=(
        Exposure(Endpoint(WAN, 8080), "http", Vantage.LAN, Evidence.MAPPED, True, "192.168.1.40:80", 'UPnP, "Cam web"'),
    ),
    observations=(seen("192.168.1.40", 80, http_title="index", http_server="App-webs/", http_body=PASSWORD_PAGE),),
    keys=("mac:c0:56:e3:00:00:40",),
)
TAKEN_OVER = Device(
    id="dev-router",
    addresses=("192.168.1.1", WAN),
    identity=identity("ASUS", "RT-AC68U", "router", "3.0.0.4.386.46065"),
    services=(Service(Endpoint("192.168.1.1", 443), "https", None, None, True),),
    exposures=(open_to_the_internet(8443, "https"),),
    observations=(
        seen(
            WAN,
            8443,
            Vantage.INTERNET,
            http_title="ASUS Login",
            http_body=PASSWORD_PAGE,
            tls_subject="CN=a,OU=a,O=a,L=a,ST=a,C=aa",
            tls_not_after="2122-04-01T00:00:00+00:00",
        ),
    ),
    keys=("mac:2c:4d:54:00:00:01",),
)


def office(*devices: Device, language: str = "en") -> Audit:
    """The devices judged on one day, in one language."""
    judged = (assess(device, Vantage.LAN, language=language, today=date(2026, 11, 23)) for device in devices)
    return Audit(
        scope=Scope(
            (ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network(f"{WAN}/32")),
            authority="Ms Sato, owner",
            targets=("lan", WAN),
        ),
        started=STARTED,
        ended=STARTED + timedelta(minutes=3),
        devices=tuple(device for device, _ in judged),
        knowledge={"sohoaudit": "0.1.0"},
        settings={"discover": "connect, mdns, neighbours, ssdp", "sweep": "connect", "pace": "normal"},
        language=language,
    )


def offices(language: str) -> dict[str, Audit]:
    """The four that the report is read by."""
    return {
        "clean": office(FRITZ_BOX, NAS, PRINTER, language=language),
        "exposed": office(DRAYTEK, NAS, PRINTER, language=language),
        "forwarded": office(FRITZ_BOX, CAMERA, NAS, language=language),
        "compromised": office(TAKEN_OVER, NAS, language=language),
    }
