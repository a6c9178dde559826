"""Small offices, built by hand, that the tests of the report and of the browser share."""

import ipaddress
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from sohoaudit.model import (
    Acceptance,
    Audit,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Gap,
    Identity,
    Match,
    Priority,
    Scope,
    Service,
    Transport,
    Vantage,
    printable,
)

TOKYO = timezone(timedelta(hours=9))
STARTED = datetime(2026, 11, 23, 9, 2, tzinfo=TOKYO)
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>' onmouseover='alert(1)",
    "{{ 7 * 7 }} {% raw %} {count}",
    "\u202egnp.exe\u2066\u200b",
    "\x1b[31mred\x1b]0;title\x07\x00\x9b",
    "</style></svg></title></details>-->",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
    "```\n# heading\n[x](javascript:alert(1)) |",
    "a" + "\u0301" * 3_000,
    "\udcff lone",
    "שלום العربية 日本語 ไทย 🦊",
    "x" * 100_000,
]


def audit(*devices: Device, vantage: Vantage = Vantage.LAN, gaps: tuple[Gap, ...] = (), **more: object) -> Audit:
    """An audit of 192.168.1.0/24 on one morning in Tokyo."""
    plain = Audit(
        scope=Scope(
            networks=(ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("203.0.113.7/32")),
            vantage=vantage,
            authority="Ms Sato, owner, by telephone",
            targets=("lan", "wan"),
        ),
        started=STARTED,
        ended=STARTED + timedelta(minutes=2),
        devices=devices,
        coverage=gaps,
        knowledge={"fingerprints": "2026-11-01", "kev": "2026-11-20", "other": "1"},
        settings={"ports": "52", "pace": "20 packets a second for one device"},
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def finding(rule: str, priority: Priority = Priority.URGENT, **more: object) -> Finding:
    """A finding with every field filled."""
    plain = Finding(
        id=f"fin-{abs(hash(rule)) % 10**6:06}" if "id" not in more else str(more["id"]),
        rule=rule,
        priority=priority,
        title="Anyone on the internet can reach this router's sign-in page",
        summary="The page that controls your router answers to the whole internet. Whoever guesses or steals the "
        "password owns your network.",
        evidence=('HTTP/1.1 401 Unauthorized\nServer: httpd\nWWW-Authenticate: Basic realm="NETGEAR R7000"',),
        remedy=(
            "Sign in to the router and open Advanced > Advanced Setup > Remote Management.",
            'Take the tick out of "Turn Remote Management On".',
            "Choose Apply.",
        ),
        verify="Switch Wi-Fi off on your phone and open http://203.0.113.7:8443. The page must not load.",
        references=("https://www.cisa.gov/news-events/directives/bod-23-02", "javascript:alert(1)"),
        cves=("CVE-2021-34991", "not a cve"),
        controls=("BOD 23-02", "AA23-144A"),
        first_seen=STARTED,
        facts={"minutes": "5", "kev.CVE-2021-34991": "2022-03-03"},
        because=("internet", "management"),
        endpoint=Endpoint("203.0.113.7", 8443),
    )
    return replace(plain, **more)  # type: ignore[arg-type]


ROUTER = Device(
    id="dev-router",
    addresses=("192.168.1.1", "203.0.113.7", "fe80::1", "2001:db8::1", "2001:db8::2"),
    mac="28:80:88:00:00:01",
    hostname="routerlogin.net",
    identity=Identity(
        vendor="NETGEAR",
        model="R7000",
        hardware_revision="v1",
        firmware="1.0.9.88_10.2.88",
        kind="router",
        cpe="cpe:2.3:h:netgear:r7000:-:*:*:*:*:*:*:*",
        certainty={"vendor": Certainty.CERTAIN, "model": Certainty.CERTAIN, "firmware": Certainty.LIKELY},
        evidence=(
            Match(
                "model",
                "R7000",
                Certainty.CERTAIN,
                "NETGEAR realm",
                "http.www_authenticate",
                'Basic realm="NETGEAR R7000"',
            ),
            Match(
                "firmware",
                "1.0.9.88_10.2.88",
                Certainty.LIKELY,
                "NETGEAR page",
                "http.body",
                "Firmware Version V1.0.9.88",
            ),
        ),
        partial=True,
        fork="DD-WRT",
        traits=frozenset({"fragile"}),
    ),
    services=(
        Service(Endpoint("192.168.1.1", 80), "http", "httpd", None, True),
        Service(Endpoint("203.0.113.7", 8443), "https", "httpd", "1.0", True),
        Service(Endpoint("192.168.1.1", 53, Transport.UDP), "dns", "dnsmasq", "2.78"),
    ),
    exposures=(
        Exposure(Endpoint("203.0.113.7", 8443), "https", Vantage.INTERNET, Evidence.CONNECTED, True),
        Exposure(Endpoint("192.168.1.1", 80), "http", Vantage.LAN, Evidence.LAN_ONLY, True),
        Exposure(Endpoint("203.0.113.7", 80), "http", Vantage.LAN, Evidence.HAIRPIN, True),
    ),
    findings=(
        finding(
            "firmware.end-of-life",
            id="fin-7c1e90",
            title="No update will come for this router, and the internet can reach it",
            summary="Its maker ended support on 31 March 2024. New holes stay open for good.",
            remedy=(
                "Replace it. Ask for a stated support period, automatic updates, and no administration from the "
                "internet by default.",
                "Until then, switch remote management off.",
            ),
            verify="The new router's page names a firmware of this year.",
            facts={"minutes": "60"},
            because=("internet", "unsupported"),
            cves=(),
        ),
        finding("exposure.https", id="fin-1b22aa"),
        finding(
            "tls.old-version",
            Priority.LOW,
            id="fin-low001",
            title="The sign-in page speaks only old encryption",
            remedy=("Nothing to do now; a new router speaks TLS 1.2 or later.",),
            facts={},
            because=("inside", "outdated"),
            first_seen=None,
            endpoint=None,
        ),
    ),
    keys=("mac:28:80:88:00:00:01",),
)

CAMERA = Device(
    id="dev-camera",
    addresses=("192.168.1.40",),
    mac="c0:56:e3:00:00:02",
    identity=Identity(
        vendor="Hikvision",
        model="DS-2CD2042WD-I",
        firmware="V5.4.0",
        kind="camera",
        certainty={"vendor": Certainty.CERTAIN, "model": Certainty.LIKELY},
    ),
    services=(
        Service(Endpoint("192.168.1.40", 80), "http", "App-webs", None, True),
        Service(Endpoint("192.168.1.40", 554), "rtsp"),
    ),
    exposures=(
        Exposure(
            Endpoint("203.0.113.7", 8080),
            "http",
            Vantage.LAN,
            Evidence.MAPPED,
            True,
            "192.168.1.40:80",
            'UPnP, "Cam web"',
        ),
        Exposure(
            Endpoint("203.0.113.7", 8554),
            "rtsp",
            Vantage.INDEX,
            Evidence.INDEXED,
            False,
            "192.168.1.40:554",
            "Shodan, 2026-11-02",
        ),
        Exposure(Endpoint("2001:db8::40", 80), "http", Vantage.LAN, Evidence.GLOBAL_ADDRESS, True),
    ),
    findings=(
        finding(
            "firmware.known-exploited",
            id="fin-cam001",
            title="Criminals use a hole in this camera, and the router lets them in",
            remedy=("On the router, delete the forward of port 8080 to 192.168.1.40.", "Update the camera's firmware."),
            endpoint=Endpoint("203.0.113.7", 8080),
            because=("internet", "known-exploited"),
        ),
        finding(
            "upnp.port-mapping",
            Priority.MEDIUM,
            id="fin-cam002",
            title="A device opened a port on the router by itself",
            remedy=("On the router, switch UPnP off.",),
            because=("perhaps", "unknown"),
            facts={"minutes": "1"},
        ),
    ),
)

NAS = Device(
    id="dev-nas",
    addresses=("192.168.1.20",),
    hostname="diskstation",
    identity=Identity(
        vendor="Synology", model="DS220+", firmware="7.2.2-72806", kind="nas", certainty={"vendor": Certainty.LIKELY}
    ),
    services=(Service(Endpoint("192.168.1.20", 5000), "http", "nginx", None, True),),
)

SILENT = Gap(
    "probe", "192.168.1.31", "it stopped answering after 3 requests and was left alone", "restart it and look again"
)
BROKEN = Gap("sweep", "192.168.1.1", "every connection was refused", matters=True)
PHONE = Device(id="dev-phone", addresses=("192.168.1.77",), mac="f0:18:98:00:00:01")

CLEAN = audit(
    NAS,
    replace(ROUTER, findings=(), exposures=ROUTER.exposures[1:2]),
    scope=Scope((ipaddress.ip_network("192.168.1.0/24"),)),
)
EXPOSED = audit(ROUTER, NAS, vantage=Vantage.INTERNET)
FORWARDED = audit(ROUTER, CAMERA, NAS, PHONE, gaps=(SILENT,))
HIGH_ONLY = audit(
    replace(ROUTER, findings=(finding("hunt.netsh-portproxy", Priority.HIGH, because=("", "management")),)),
    is_demo=True,
)
MEDIUM_ONLY = audit(replace(CAMERA, findings=CAMERA.findings[1:]), gaps=(SILENT,))
COMPROMISED = audit(
    replace(
        ROUTER,
        findings=(
            *ROUTER.findings,
            finding(
                "firmware.known-exploited",
                id="fin-kev",
                title="Criminals use a hole in this router",
                remedy=ROUTER.findings[0].remedy,
            ),
            finding(
                "compromise.kv-botnet",
                id="fin-kv",
                because=("inside", "compromised"),
                title="There are signs that somebody else controls this router",
                remedy=(
                    "Unplug the router from the internet.",
                    "Reset it to factory settings, then update it before use.",
                ),
            ),
        ),
    ),
    NAS,
)
INCOMPLETE = audit(NAS, gaps=(SILENT, BROKEN, SILENT, SILENT), is_complete=False)
UNREAD = audit(
    replace(
        ROUTER,
        findings=(
            *ROUTER.findings,
            finding("exposure.ssh", Priority.HIGH, id="fin-ssh", title="A door", remedy=("Shut it.",)),
        ),
    ),
    NAS,
    replace(NAS, id="dev-old", addresses=("192.168.1.21",), identity=Identity("QNAP", "TS-251", kind="nas")),
    gaps=(replace(SILENT, subject="192.168.1.20:5000"), replace(SILENT, subject="192.168.1.20:443")),
)
NOBODY = audit(
    vantage=Vantage.INDEX, knowledge={}, scope=Scope((ipaddress.ip_network("192.168.1.0/24"),), vantage=Vantage.INDEX)
)


def many(count: int) -> Audit:
    """An office of so many devices, each with its findings."""
    mixed = [ROUTER, CAMERA, NAS, NAS, NAS, CAMERA, NAS, PHONE, NAS, NAS]
    return audit(
        *(
            replace(
                mixed[index % 10], id=f"dev-{index}", addresses=(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}",)
            )
            for index in range(count)
        )
    )


def hostile(text: str) -> Audit:
    """An office in which every text a device or a file can bring is this one; texts of the edge are made printable."""
    text = printable(text)
    endpoint = Endpoint("203.0.113.7", 443)
    device = Device(
        id=text,
        addresses=("192.168.1.66",),
        mac=text,
        hostname=text,
        identity=Identity(
            text,
            text,
            text,
            text,
            text,
            text,
            dict.fromkeys(("vendor", "model"), Certainty.HINT),
            (Match(text, text, Certainty.HINT, text, text, text),),
            True,
            text,
            frozenset({text}),
        ),
        services=(Service(endpoint, text, text, text, True),),
        exposures=(Exposure(endpoint, text, Vantage.LAN, Evidence.MAPPED, True, text, text),),
        findings=(
            finding(
                text,
                id=text,
                title=text,
                summary=text,
                evidence=(text,) * 30,
                remedy=(text, text),
                verify=text,
                references=(text, "https://example.com/" + text),
                cves=(text,),
                controls=(text,),
                facts={text: text, "minutes": text},
                because=(text, text),
            ),
            finding(
                text,
                Priority.LOW,
                id=text,
                title=text,
                remedy=(text,),
                accepted=Acceptance(text, date(2027, 1, 31), text, Priority.HIGH),
            ),
        ),
        keys=(text,),
    )
    base = audit(device, gaps=(Gap(text, text, text, text, True),), knowledge={text: text}, settings={text: text})
    return replace(base, scope=replace(base.scope, authority=text, targets=(text,)))


QUIET = audit(
    replace(
        CAMERA,
        exposures=(),
        findings=(
            finding(
                "firmware.end-of-life",
                Priority.MEDIUM,
                id="fin-old",
                title="No update will come for this camera",
                facts={"since": "2021-01-31"},
                evidence=("x" * 5_000,),
            ),
            finding(
                "firmware.outdated", Priority.LOW, id="fin-late", facts={"latest": "5.7.1"}, remedy=("Update it.",)
            ),
        ),
    ),
    vantage=Vantage.INTERNET,
    knowledge={},
    scope=Scope(
        (ipaddress.ip_network("203.0.113.0/28"),),
        (ipaddress.ip_network("203.0.113.9/32"),),
        Vantage.INTERNET,
        "Ms Sato",
    ),
)

LOW_ONLY = audit(replace(ROUTER, exposures=(), findings=ROUTER.findings[2:]), vantage=Vantage.INDEX)

# The most pressing finding of the camera is taken until January.
ACCEPTED = audit(
    NAS,
    replace(
        CAMERA,
        findings=(
            replace(
                CAMERA.findings[0],
                priority=Priority.LOW,
                accepted=Acceptance("A. Sato", date(2027, 1, 31), "replaced in January", Priority.URGENT),
                facts={
                    **CAMERA.findings[0].facts,
                    "epss_day": "2026-11-22",
                    f"epss.{CAMERA.findings[0].cves[0]}": "0.94321",
                    f"cvss.{CAMERA.findings[0].cves[0]}": "9.8",
                    f"automatable.{CAMERA.findings[0].cves[0]}": "yes",
                    f"total.{CAMERA.findings[0].cves[0]}": "yes",
                },
            ),
        ),
    ),
)

OFFICES = {
    "accepted": ACCEPTED,
    "low": LOW_ONLY,
    "quiet": QUIET,
    "clean": CLEAN,
    "exposed": EXPOSED,
    "forwarded": FORWARDED,
    "high": HIGH_ONLY,
    "medium": MEDIUM_ONLY,
    "compromised": COMPROMISED,
    "incomplete": INCOMPLETE,
    "unread": UNREAD,
    "nobody": NOBODY,
    "many": many(30),
}
