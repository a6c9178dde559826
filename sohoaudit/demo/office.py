"""The made-up office as a table: which devices stand there, what each of them says, and what each of them truly is.

Shapes are those that real devices show; serial numbers, MAC addresses and names are invented.
"""

from dataclasses import dataclass

from . import upnp
from .broken import Broken, Fault
from .dns import Dns
from .doors import Service
from .greeting import Greeting, Rtsp
from .snmp import SYSDESCR, SYSNAME, SYSOBJECTID, Snmp
from .ssh import Ssh
from .ubiquiti import UbiquitiDiscovery
from .web import Certificate, Page, Web

LAN = "192.168.50.0/24"
PUBLIC_ADDRESS = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class Truth:
    """What a device is and what an audit should find wrong with it; None is what it tells nobody.

    `firmware` is the version as the maker writes it. `rules` name the findings that must be there, `known_exploited`
    the CVEs that are in CISA's catalogue. `is_fine` says that nothing above `low` may be found.
    """

    vendor: str | None
    model: str | None
    firmware: str | None
    kind: str | None
    rules: tuple[str, ...] = ()
    known_exploited: tuple[str, ...] = ()
    is_fine: bool = False


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One device: its name in this table, its address inside, what it is, and what it offers."""

    name: str
    address: str
    truth: Truth
    services: tuple[Service, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own addresses; the router holds the office's public one too."""
        return (self.address, PUBLIC_ADDRESS) if self.name == "router" else (self.address,)


_SIGN_IN = """<html><head><title>{title}</title></head><body>
<form action="{action}" method="post"><input name="username"><input name="password" type="password">
<input type="submit" value="Login"></form></body></html>"""

_ROUTER_UPNP = upnp.Description(
    kind=upnp.GATEWAY,
    friendly_name="Vigor2960",
    manufacturer="DrayTek Corp.",
    model_name="Vigor2960",
    model_number="Vigor2960",
    model_description="DrayTek Vigor Router",
    serial_number="001DAA00D310",
    udn="uuid:0f0e5a30-6d7a-4c1b-9a52-001daa00d310",
    inner=upnp.GATEWAY_SERVICES,
)
_CAMERA_FORWARD = upnp.Mapping(8081, "192.168.50.20", 80, "TCP", "DCS-2530L HTTP")

# Vigor2960: its maker ended it. CVE-2024-12987 (in CISA's catalogue since 2025-05-15) is closed by 1.5.1.5.
ROUTER = DemoDevice(
    name="router",
    address="192.168.50.1",
    truth=Truth(
        vendor="DrayTek",
        model="Vigor2960",
        firmware="1.5.1.4",
        kind="router",
        rules=("firmware.known-exploited", "firmware.end-of-life", "exposure.https", "exposure.ssh"),
        known_exploited=("CVE-2024-12987",),
    ),
    services=(
        Web(
            port=443,
            outside=443,
            certificate=Certificate("DrayTek Corp.", "Vigor Router"),
            pages={
                "GET /": Page(_SIGN_IN.format(title="Vigor Login Page", action="/cgi-bin/mainfunction.cgi")),
                "GET /cgi-bin/mainfunction.cgi?action=get_ui_model": Page("Vigor2960", content_type="text/plain"),
            },
        ),
        Ssh(port=22, outside=22, version="DraySSH_2.0", owner="router"),
        Dns(version="dnsmasq-2.72"),
        Snmp(
            {
                SYSDESCR: "DrayTek Corporation, Router Model: Vigor2960 Series, Version: 1.5.1.4, "
                "Build Date/Time:May 26 2023 10:21:07, CPU Usage: 6%",
                SYSOBJECTID: ".1.3.6.1.4.1.7367",
                SYSNAME: "Vigor2960",
            }
        ),
        upnp.Ssdp(
            location="http://192.168.50.1:49152/rootDesc.xml",
            server="Linux/2.6.33 UPnP/1.0 miniupnpd/1.5",
            udn=_ROUTER_UPNP.udn,
            kind=upnp.GATEWAY,
        ),
        Web(
            port=49152,
            server="Linux/2.6.33 UPnP/1.0 miniupnpd/1.5",
            pages={
                "GET /rootDesc.xml": _ROUTER_UPNP.page(),
                f"POST {upnp.CONTROL_PATH}": upnp.gateway_control(PUBLIC_ADDRESS, (_CAMERA_FORWARD,)),
            },
        ),
    ),
)

_QNAP_IDENTITY = """<?xml version="1.0" encoding="UTF-8" ?>
<QDocRoot version="1.0"><doQuick><![CDATA[]]></doQuick><is_booting><![CDATA[0]]></is_booting>
<authPassed><![CDATA[0]]></authPassed><model><modelName><![CDATA[TS-X53D]]></modelName>
<internalModelName><![CDATA[TS-X53D]]></internalModelName><platform><![CDATA[TS-NASX86]]></platform>
<platform_ex><![CDATA[X86_GEMINILAKE]]></platform_ex><displayModelName><![CDATA[TS-453D]]></displayModelName></model>
<firmware><version><![CDATA[5.1.2]]></version><number><![CDATA[2533]]></number><build><![CDATA[20230926]]></build>
<patch><![CDATA[0]]></patch><buildTime><![CDATA[2023/09/26]]></buildTime></firmware>
<hostname><![CDATA[NAS-OFFICE]]></hostname></QDocRoot>"""

_NAS_PAGES = {
    "GET /": Page(
        "<html><head><title>QNAP Turbo NAS</title></head><body><script>"
        "location.href = '/cgi-bin/QTS.cgi';</script></body></html>"
    ),
    "GET /cgi-bin/authLogin.cgi": Page(_QNAP_IDENTITY, content_type="text/xml"),
    "GET /cgi-bin/QTS.cgi": Page(_SIGN_IN.format(title="NAS-OFFICE", action="/cgi-bin/authLogin.cgi")),
}

# QTS 5.1.2.2533 is older than 5.1.3.2578, which closed CVE-2024-21899; no entry of CISA's catalogue is about it.
NAS = DemoDevice(
    name="nas",
    address="192.168.50.10",
    truth=Truth(
        vendor="QNAP",
        model="TS-453D",
        firmware="5.1.2.2533 build 20230926",
        kind="nas",
        rules=("firmware.vulnerable",),
    ),
    services=(
        Web(port=8080, server="http server 1.0", pages=_NAS_PAGES),
        Web(
            port=443,
            server="http server 1.0",
            pages=_NAS_PAGES,
            certificate=Certificate("QNAP Systems Inc.", "QNAP NAS"),
        ),
        Greeting(port=21, text="220 NASFTPD Turbo station 1.3.5a Server (ProFTPD) [192.168.50.10]\r\n"),
    ),
)

_CAMERA_SIGN_IN = Page(
    "<html><head><title>401 Unauthorized</title></head><body>Unauthorized</body></html>",
    401,
    headers={"WWW-Authenticate": 'Basic realm="DCS-2530L"'},
)

# CVE-2020-25078 (in CISA's catalogue since 2025-08-05) is closed by 1.06.01.
CAMERA = DemoDevice(
    name="camera",
    address="192.168.50.20",
    truth=Truth(
        vendor="D-Link",
        model="DCS-2530L",
        firmware="1.05",
        kind="camera",
        rules=("firmware.known-exploited", "upnp.port-mapping"),
        known_exploited=("CVE-2020-25078", "CVE-2020-25079"),
    ),
    services=(
        Web(
            port=80,
            outside=_CAMERA_FORWARD.external_port,
            server="alphapd/2.1.8",
            pages={
                "GET /common/info.cgi": Page(
                    "model=DCS-2530L\r\nproduct=Wireless Internet Camera\r\nbrand=D-Link\r\nversion=1.05\r\nbuild=2\r\n"
                    "hw_version=A\r\nnipca=1.9.5\r\nname=DCS-2530L\r\nlocation=\r\nmacaddr=B0:C5:54:00:D3:20\r\n"
                    "ipaddr=192.168.50.20\r\nnetmask=255.255.255.0\r\ngateway=192.168.50.1\r\nwireless=yes\r\n"
                    "inputs=0\r\noutputs=0\r\nspeaker=no\r\n",
                    content_type="text/plain",
                ),
            },
            otherwise=_CAMERA_SIGN_IN,
        ),
        Rtsp(port=554, server="Rtsp Server", realm="DCS-2530L"),
    ),
)

PRINTER = DemoDevice(
    name="printer",
    address="192.168.50.30",
    truth=Truth(
        vendor="HP",
        model="OfficeJet Pro 8710",
        firmware="WBP2CN2004AR",
        kind="printer",
        rules=("snmp.public-community",),
    ),
    services=(
        Web(
            port=80,
            server="HP HTTP Server; HP OfficeJet Pro 8710 - D9L18A; Serial Number: CN00D31030; "
            "Built:Mon Jan 20, 2020 09:41:27AM {WBP2CN2004AR}",
            pages={"GET /": Page("<html><head><title>HP OfficeJet Pro 8710</title></head><body>Ready</body></html>")},
        ),
        Snmp(
            {
                SYSDESCR: "HP ETHERNET MULTI-ENVIRONMENT,SN:CN00D31030,FN:DE45D3,SVCID:1234,PID:HP OfficeJet Pro 8710",
                SYSOBJECTID: ".1.3.6.1.4.1.11.2.3.9.1",
                SYSNAME: "HPD31030",
            }
        ),
        # Raw printing: every byte that comes here would be printed.
        Greeting(port=9100),
    ),
)

# UAP-LR: a first-generation UniFi access point, out of support.
ACCESS_POINT = DemoDevice(
    name="access point",
    address="192.168.50.2",
    truth=Truth(
        vendor="Ubiquiti",
        model="UAP-LR",
        firmware="4.0.66.10832",
        kind="ap",
        rules=("firmware.end-of-life", "snmp.public-community"),
    ),
    services=(
        Ssh(port=22, version="dropbear_2017.75", owner="access point"),
        Snmp({SYSDESCR: "UAP-LR 4.0.66.10832", SYSOBJECTID: ".1.3.6.1.4.1.10002.1", SYSNAME: "ap-ceiling"}),
        UbiquitiDiscovery(
            mac="04:18:D6:00:D3:02",
            address="192.168.50.2",
            firmware="BZ.ar7240.v4.0.66.10832.191120.1041",
            hostname="ap-ceiling",
            product="U2L48",
            model="UAP-LR",
        ),
    ),
)

_REPEATER_UPNP = upnp.Description(
    kind=upnp.BASIC,
    friendly_name="FRITZ!Repeater 2400",
    manufacturer="AVM Berlin",
    model_name="FRITZ!Repeater 2400",
    model_number="avm",
    model_description="FRITZ!Repeater 2400",
    serial_number="",
    udn="uuid:75802409-bccb-40e7-8e6c-444e6d00d340",
    inner="<manufacturerURL>http://www.avm.de</manufacturerURL>",
)

# 8.25 (after the model number 175 that AVM puts in front) is the newest firmware known for this model (2026-08-22).
REPEATER = DemoDevice(
    name="repeater",
    address="192.168.50.40",
    truth=Truth(vendor="AVM", model="FRITZ!Repeater 2400", firmware="175.08.25", kind="ap", is_fine=True),
    services=(
        Web(
            port=80,
            pages={
                "GET /": Page("<html><head><title>FRITZ!Repeater 2400</title></head><body></body></html>"),
                "GET /jason_boxinfo.xml": Page(
                    '<?xml version="1.0" encoding="UTF-8"?>\n<j:BoxInfo xmlns:j="http://jason.avm.de/updatecheck/">'
                    "<j:Name>FRITZ!Repeater 2400</j:Name><j:HW>237</j:HW><j:Version>175.08.25</j:Version>"
                    "<j:Revision>120000</j:Revision><j:Serial>444E6D00D340</j:Serial><j:OEM>avm</j:OEM>"
                    "<j:Lang>de</j:Lang><j:Annex></j:Annex><j:Lab></j:Lab><j:Country>049</j:Country></j:BoxInfo>",
                    content_type="text/xml",
                ),
            },
        ),
        upnp.Ssdp(
            location="http://192.168.50.40:49000/fboxdesc.xml",
            server="FRITZ!Repeater 2400 UPnP/1.0 AVM FRITZ!Repeater 2400 175.08.25",
            udn=_REPEATER_UPNP.udn,
            kind=upnp.BASIC,
        ),
        Web(
            port=49000,
            server="FRITZ!Repeater 2400 UPnP/1.0 AVM FRITZ!Repeater 2400 175.08.25",
            pages={"GET /fboxdesc.xml": _REPEATER_UPNP.page()},
        ),
    ),
)

HALF_BROKEN = DemoDevice(
    name="half broken",
    address="192.168.50.66",
    truth=Truth(None, None, None, None),
    services=(
        Broken(port=80, fault=Fault.DRIPS),
        Broken(port=8080, fault=Fault.GARBLES),
        Broken(port=443, fault=Fault.HANGS),
    ),
)

DEVICES = (ROUTER, ACCESS_POINT, NAS, CAMERA, PRINTER, REPEATER, HALF_BROKEN)
