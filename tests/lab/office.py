"""The truth about two offices: what each device is, what it tells, and what can be reached from inside and outside.

The shapes of banners and pages are those of the makers; every serial number, address and name is invented.
"""

from .parts import (
    BusyboxHttpd,
    Datagram,
    Device,
    Dnsmasq,
    Dropbear,
    Forward,
    Greeter,
    Lighttpd,
    Mdns,
    Miniupnpd,
    Office,
    Page,
    Sip,
    Snmpd,
    Ssdp,
    Telnetd,
    Vsftpd,
    Web,
)

LAN = "192.168.77.0/24"
LAN6 = "2001:db8:77::/64"
WAN_ADDRESS = "203.0.113.7"
DESK_ADDRESS = "192.168.77.50"
OUTSIDE_ADDRESS = "203.0.113.99"
ISP_ADDRESS = "203.0.113.1"


def _html(title: str, body: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"


SIGN_IN = "<form><input name=user><input type=password name=password><button>Sign in</button></form>"
JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
XML = (("Content-Type", "text/xml"),)


def _realm(realm: str) -> Page:
    headers = (("WWW-Authenticate", f'Basic realm="{realm}"'), ("Content-Type", "text/html"))
    return Page(_html("401 Unauthorized", "Authorization required."), 401, headers)


def _description(maker: str, model: str, number: str, name: str, udn: str, more: str = "") -> str:
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major>'
        "<minor>0</minor></specVersion><device><deviceType>urn:schemas-upnp-org:device:Basic:1</deviceType>"
        f"<friendlyName>{name}</friendlyName><manufacturer>{maker}</manufacturer><modelName>{model}</modelName>"
        f"<modelNumber>{number}</modelNumber>{more}<UDN>uuid:{udn}</UDN></device></root>"
    )


def _ubiquiti(*texts: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes([kind]) + len(value).to_bytes(2, "big") + value for kind, value in texts)
    return b"\x01\x00" + len(body).to_bytes(2, "big") + body


ROUTER = Device(
    "gw", "192.168.77.1", "router", "NETGEAR", "R7000", "V1.0.4.30_1.1.67",
    also_right=frozenset({"V1.0.4.30"}),
    parts=(
        Lighttpd(
            plain_ports=(80,), tls_ports=(443,), realm="NETGEAR R7000", open_paths=("/currentsetting.htm",),
            subject="/C=US/O=NETGEAR/CN=www.routerlogin.net",
            files={
                "/index.html": _html("NETGEAR Router R7000"),
                "/currentsetting.htm": "Firmware=V1.0.4.30_1.1.67\r\nRegionTag=R7000_NA\r\nRegion=us\r\nModel=R7000\r\n"
                "InternetConnectionStatus=Up\r\nSOAPVersion=2.0\r\n",
            },
        ),
        Dropbear(greeting="dropbear_2012.55"),
        Dnsmasq(),
        Miniupnpd("NETGEAR, Inc.", "R7000", "1", "R7000 (Gateway)"),
    ),
)  # fmt: skip

NAS = Device(
    "nas", "192.168.77.10", "nas", "Synology", "DS220+", "7.1-42661",
    also_right=frozenset({
        "7.1-42661-4", "7.1-42661 Update 4", "7.1.0-42661", "DSM 7.1-42661", "DSM 7.1-42661 Update 4", "42661",
    }),
    parts=(
        Lighttpd(
            plain_ports=(5000,), tls_ports=(5001,), server="nginx", subject="/C=TW/O=Synology Inc./CN=synology",
            files={
                "/index.html": _html("STORE - Synology&nbsp;DiskStation", SIGN_IN),
                "/synohdpack/synohdpack.version": 'majorversion="7"\nminorversion="1"\nbuildphase="GM"\n'
                'buildnumber="42661"\nsmallfixnumber="4"\nproductversion="7.1"\n',
                "/ssdp/desc-DSM-eth0.xml": _description(
                    "Synology", "DS220+", "DS220+ 7.1-42661", "STORE (DS220+)", "73796e6f-6473-6d00-0000-000077000010"
                ),
            },
        ),
        Vsftpd("STORE FTP server ready."),
        Ssdp("Synology/DSM/192.168.77.10", "http://192.168.77.10:5000/ssdp/desc-DSM-eth0.xml",
             udn="uuid:73796e6f-6473-6d00-0000-000077000010"),
        Mdns("_http._tcp", "STORE", 5000, (
            "vendor=Synology", "model=DS220+", "serial=0000000000000", "version_major=7", "version_minor=1",
            "version_build=42661",
        )),
    ),
)  # fmt: skip

CAMERA = Device(
    "camera", "192.168.77.11", "camera", "Hikvision", None, None,
    also_right=frozenset({"DS-2CD2143G2-I", "V5.7.1", "V5.7.1build 220810", "V5.7.1 build 220810"}),
    parts=(
        Web(80, server="App-webs/", pages={
            "/": Page("<script>window.location.href='/doc/page/login.asp?_'+(new Date()).getTime();</script>"),
            "/doc/page/login.asp": Page(_html("", SIGN_IN)),
            "/doc/script/lib/seajs/config/sea-config.js": Page('seajs.web_version="V4.0.1build220810"', headers=TEXT),
        }),
        Web(554, protocol="RTSP/1.0", server="HiIpcam/V100R003 VodServer/1.0.0", pages={
            "OPTIONS *": Page(headers=(("Public", "OPTIONS, DESCRIBE, SETUP, TEARDOWN, PLAY"),)),
        }),
        Greeter(8000),
        Datagram(
            37020,
            b'<?xml version="1.0" encoding="UTF-8"?><ProbeMatch><Types>inquiry</Types><DeviceDescription>DS-2CD2143G2-I'
            b"</DeviceDescription><SoftwareVersion>V5.7.1build 220810</SoftwareVersion>"
            b"<IPv4Address>192.168.77.11</IPv4Address><HttpPort>80</HttpPort></ProbeMatch>",
        ),
    ),
)  # fmt: skip

PRINTER = Device(
    "printer", "192.168.77.12", "printer", "HP", "LaserJet Pro MFP M225dw",
    also_right=frozenset({"HP LaserJet Pro MFP M225dw", "WBP2CN2004AR", "Hewlett-Packard", "Hewlett Packard"}),
    parts=(
        Snmpd(
            "HP ETHERNET MULTI-ENVIRONMENT,SN:XX00000000,FN:0000000,SVCID:00000,PID:HP LaserJet Pro MFP M225dw",
            "1.3.6.1.4.1.11.2.3.9.1", "PRINTER",
        ),
        Web(80, server="HP HTTP Server; HP LaserJet Pro MFP M225dw - CF485A; Serial Number: XX00000000; "
            "Built:Mon Jan 20, 2020 07:01:02AM {WBP2CN2004AR}",
            pages={"/": Page(_html("HP LaserJet Pro MFP M225dw&nbsp;&nbsp;&nbsp;192.168.77.12", SIGN_IN))}),
        Greeter(9100),
    ),
)  # fmt: skip

ACCESS_POINT = Device(
    "ap", "192.168.77.13", "ap", "TP-Link", "WA801ND",
    also_right=frozenset({"TL-WA801ND", "TP-LINK"}),
    parts=(
        BusyboxHttpd({"/index.html": _html("TL-WA801ND")}, realm="TP-LINK Wireless N Access Point WA801ND"),
        Dropbear(greeting="dropbear_2011.54"),
    ),
)  # fmt: skip

SWITCH = Device(
    "switch", "192.168.77.14", "switch", "NETGEAR", "GS724Tv4", "6.3.1.11",
    parts=(
        Snmpd("GS724Tv4 ProSafe 24-port Gigabit Ethernet Smart Switch, 6.3.1.11, B1.0.0.4",
              "1.3.6.1.4.1.4526.100.4.38", "switch"),
        BusyboxHttpd({"/index.html": _html("NETGEAR GS724Tv4", SIGN_IN)}),
        Telnetd("(GS724Tv4)\r\n", "User:"),
    ),
)  # fmt: skip

PHONE = Device(
    "phone", "192.168.77.15", "voip", "Yealink", "SIP-T46S", "66.84.0.15",
    also_right=frozenset({"T46S"}),
    parts=(
        Sip("Yealink SIP-T46S 66.84.0.15"),
        Web(80, server="yealink embed httpd", pages={"/": Page(_html("Yealink T46S Phone", SIGN_IN))}),
    ),
)  # fmt: skip

TPLINK = Device(
    "tplink", "192.168.77.16", "router", "TP-Link", "Archer C6",
    also_right=frozenset({"TP-LINK"}),
    parts=(
        Web(80, server="Router Webserver", pages={
            "/": Page('<html><head><title>Archer C6</title><script>var modelName="Archer C6";'
                      f'var modelDesc="AC1200 Wireless Dual Band Gigabit Router";</script></head>{SIGN_IN}</html>'),
        }),
    ),
)  # fmt: skip

DLINK = Device(
    "dlink", "192.168.77.17", "router", "D-Link", "DIR-860L", "1.11",
    parts=(
        Web(80, server="Linux, HTTP/1.1, DIR-860L Ver 1.11", pages={
            "/": Page(_html("D-LINK SYSTEMS, INC. | WIRELESS ROUTER | HOME", "<div>Product Page : DIR-860L</div>"
                            "<div>Hardware Version : A1</div><div>Firmware Version : 1.11</div>" + SIGN_IN)),
        }),
    ),
)  # fmt: skip

FRITZBOX = Device(
    "fritzbox", "192.168.77.18", "router", "AVM", "FRITZ!Box 7490", "07.29",
    also_right=frozenset({"113.07.29", "7.29"}),
    parts=(
        Web(80, pages={
            "/": Page(_html("FRITZ!Box", SIGN_IN)),
            "/jason_boxinfo.xml": Page(
                '<?xml version="1.0" encoding="utf-8"?><j:BoxInfo xmlns:j="http://jason.avm.de/updatecheck/">'
                "<j:Name>FRITZ!Box 7490</j:Name><j:HW>185</j:HW><j:Version>113.07.29</j:Version>"
                "<j:Revision>87501</j:Revision><j:Serial>020077000018</j:Serial><j:OEM>avm</j:OEM><j:Lang>de</j:Lang>"
                "<j:Annex>B</j:Annex><j:Lab></j:Lab><j:Country>049</j:Country></j:BoxInfo>", headers=XML),
        }),
        Web(49000, server="FRITZ!Box 7490 UPnP/1.0 AVM FRITZ!Box 7490 113.07.29", pages={
            "/fboxdesc.xml": Page(_description(
                "AVM Berlin", "FRITZ!Box 7490", "avm", "FRITZ!Box 7490", "123402409-bccb-40e7-8e6c-020077000018"),
                headers=XML),
        }),
        Ssdp("FRITZ!Box 7490 UPnP/1.0 AVM FRITZ!Box 7490 113.07.29", "http://192.168.77.18:49000/fboxdesc.xml",
             udn="uuid:123402409-bccb-40e7-8e6c-020077000018"),
    ),
)  # fmt: skip

MIKROTIK = Device(
    "mikrotik", "192.168.77.19", "router", "MikroTik", None, "6.48.4",
    also_right=frozenset({"RouterOS"}),
    parts=(
        Web(80, pages={"/": Page(_html(
            "RouterOS router configuration page", "<h1>RouterOS v6.48.4</h1><p>You have connected to a router.</p>"
            + SIGN_IN))}),
        Greeter(21, b"220 office FTP server (MikroTik 6.48.4) ready\r\n"),
        Greeter(22, b"SSH-2.0-ROSSSH\r\n"),
        Greeter(8291),
    ),
)  # fmt: skip

QNAP = Device(
    "qnap", "192.168.77.20", "nas", "QNAP", "TS-453D", "5.1.3",
    also_right=frozenset({"5.1.3.2578", "5.1.3 build 20231110", "5.1.3.2578 build 20231110", "TS-X53D"}),
    parts=(
        Web(8080, server="http server 1.0", pages={
            "/": Page(_html("QNAP Turbo NAS", SIGN_IN)),
            "/cgi-bin/authLogin.cgi": Page(
                '<?xml version="1.0" encoding="UTF-8" ?><QDocRoot version="1.0"><authPassed><![CDATA[0]]></authPassed>'
                "<model><modelName><![CDATA[TS-X53D]]></modelName><internalModelName><![CDATA[TS-X53D]]>"
                "</internalModelName><platform><![CDATA[TS-NASX86]]></platform><displayModelName><![CDATA[TS-453D]]>"
                "</displayModelName></model><firmware><version><![CDATA[5.1.3]]></version><number><![CDATA[2578]]>"
                "</number><build><![CDATA[20231110]]></build></firmware><hostname><![CDATA[backup]]></hostname>"
                "</QDocRoot>", headers=XML),
        }),
        Web(443, subject="/C=TW/O=QNAP Systems Inc./CN=QNAP NAS", server="http server 1.0", pages={
            "/": Page(_html("QNAP Turbo NAS", SIGN_IN)),
        }),
        Mdns("_qdiscover._tcp", "backup", 8080, (
            "accessType=https,accessPort=443,model=TS-X53D,displayModel=TS-453D,fwVer=5.1.3,fwBuildNum=20231110",
        )),
    ),
)  # fmt: skip

DRAYTEK = Device(
    "draytek", "192.168.77.22", "router", "DrayTek", "Vigor2866", "4.3.3",
    parts=(
        Web(80, pages={
            "/": Page(status=302, headers=(("Location", "/weblogin.htm"),)),
            "/weblogin.htm": Page(_html("Vigor Login Page", '<script>var o={fwver:"4.3.3"};</script><b>Vigor2866</b>'
                                        + SIGN_IN)),
        }),
        Web(443, subject="/C=TW/O=DrayTek Corp./CN=Vigor Router", pages={
            "/": Page(status=302, headers=(("Location", "/weblogin.htm"),)),
            "/weblogin.htm": Page(_html("Vigor Login Page", '<script>var o={fwver:"4.3.3"};</script><b>Vigor2866</b>'
                                        + SIGN_IN)),
        }),
    ),
)  # fmt: skip

EDGEROUTER = Device(
    "edgerouter", "192.168.77.23", "router", "Ubiquiti", None, None,
    also_right=frozenset({
        "EdgeRouter X", "EdgeRouter", "ER-X", "EdgeOS", "Ubiquiti Inc.", "2.0.9-hotfix.6",
        "2.0.9-hotfix.6.5574651.221230.1015", "EdgeRouter.ER-e50.v2.0.9-hotfix.6.5574651.221230.1015",
    }),
    parts=(
        Web(443, subject="/C=US/O=Ubiquiti Inc./CN=UbiquitiRouterUI", pages={"/": Page(_html("EdgeOS", SIGN_IN))}),
        Datagram(10001, _ubiquiti(
            (0x03, b"EdgeRouter.ER-e50.v2.0.9-hotfix.6.5574651.221230.1015"), (0x0B, b"office"), (0x0C, b"ER-X"),
        )),
    ),
)  # fmt: skip

LINKSYS = Device(
    "linksys", "192.168.77.24", "router", "Linksys", "EA7500", "2.0.8.194281",
    parts=(
        Web(80, pages={
            "/": Page(_html("Linksys Smart Wi-Fi", SIGN_IN)),
            "POST /JNAP/": Page(
                '{"result":"OK","output":{"manufacturer":"Linksys","modelNumber":"EA7500","hardwareVersion":"2",'
                '"firmwareVersion":"2.0.8.194281","firmwareDate":"2019-06-06T00:00:00Z","serialNumber":"0000000000",'
                '"services":[]}}', headers=JSON),
        }),
    ),
)  # fmt: skip

ASUS = Device(
    "asus", "192.168.77.25", "router", "ASUS", "RT-AX58U", None,
    also_right=frozenset({"ASUSTeK", "3.0.0.4"}),
    parts=(
        Web(80, server="httpd/3.0", pages={
            "/": Page("<HTML><HEAD><script>top.location.href='/Main_Login.asp';</script></HEAD></HTML>"),
            "/Main_Login.asp": Page(_html("ASUS Login", '<div class="prod_madelName">RT-AX58U</div>' + SIGN_IN)),
        }),
        Web(49152, server="AsusWRT/3.0.0.4 UPnP/1.1 MiniUPnPd/2.2.0", pages={
            "/rootDesc.xml": Page(_description(
                "ASUSTeK Computer Inc.", "RT-AX58U", "3.0.0.4", "RT-AX58U", "3ddcd1d3-2380-45f5-b069-020077000025"),
                headers=XML),
        }),
        Ssdp("AsusWRT/3.0.0.4 UPnP/1.1 MiniUPnPd/2.2.0", "http://192.168.77.25:49152/rootDesc.xml",
             udn="uuid:3ddcd1d3-2380-45f5-b069-020077000025"),
    ),
)  # fmt: skip

CISCO = Device(
    "cisco", "192.168.77.26", "vpn-gateway", "Cisco", "RV345", "1.0.03.22",
    also_right=frozenset({"RV345-K9"}),
    parts=(
        Snmpd("Linux, Cisco Small Business RV345-K9, Version 1.0.03.22 Mon Nov 15 12:06:50 UTC 2021",
              "1.3.6.1.4.1.9.6.1.28.345", "rv345"),
        Web(443, subject="/C=US/O=Cisco Systems, Inc./CN=RV345", pages={"/": Page(_html("RV345", SIGN_IN))}),
    ),
)  # fmt: skip

ZYXEL = Device(
    "zyxel", "192.168.77.27", "router", "Zyxel", "VMG3927-T50K", "V5.50(ABOM.7)C0",
    parts=(
        Web(80, pages={
            "/": Page(_html(".::Welcome to VMG3927-T50K::.", SIGN_IN)),
            "/getBasicInformation": Page(
                '{"result":"ZCFG_SUCCESS","ModelName":"VMG3927-T50K","SoftwareVersion":"V5.50(ABOM.7)C0",'
                '"CurrentLanguage":"en"}', headers=JSON),
        }),
    ),
)  # fmt: skip

FINE = Device(
    "fine", "192.168.77.30", "router", "AVM", "FRITZ!Box 7590 AX", "08.20",
    also_right=frozenset({"259.08.20", "8.20"}),
    parts=(
        Web(80, pages={
            "/": Page(_html("FRITZ!Box", SIGN_IN)),
            "/jason_boxinfo.xml": Page(
                '<?xml version="1.0" encoding="utf-8"?><j:BoxInfo xmlns:j="http://jason.avm.de/updatecheck/">'
                "<j:Name>FRITZ!Box 7590 AX</j:Name><j:HW>259</j:HW><j:Version>259.08.20</j:Version>"
                "<j:Revision>120000</j:Revision><j:Serial>020077000030</j:Serial><j:OEM>avm</j:OEM><j:Lang>de</j:Lang>"
                "<j:Annex>B</j:Annex><j:Lab></j:Lab></j:BoxInfo>", headers=XML),
        }),
    ),
)  # fmt: skip

SILENT = Device("silent", "192.168.77.40", is_silent=True)

HALF_BROKEN = Device(
    "broken",
    "192.168.77.41",
    parts=(Greeter(80), Greeter(443, slams=True), Greeter(22, b"\xff\xfe\x00\x07garbage\r\n"), Greeter(23)),
)

QUIET = Device("quiet", "192.168.77.60")

EXPOSED = Office(
    devices=(
        ROUTER, NAS, CAMERA, PRINTER, ACCESS_POINT, SWITCH, PHONE, TPLINK, DLINK, FRITZBOX, MIKROTIK, QNAP, DRAYTEK,
        EDGEROUTER, LINKSYS, ASUS, CISCO, ZYXEL, FINE, SILENT, HALF_BROKEN,
    ),
    wan_ports=frozenset({443}),
    forwards=(Forward(8081, "camera", 80, "HikHTTP"), Forward(554, "camera", 554, "HikRTSP")),
)  # fmt: skip

# Nothing old, nothing open to the WAN, no telnet, no SNMP, no UPnP: what an office looks like after the remedies.
CLEAN = Office(
    devices=(
        Device(
            "gw", "192.168.77.1", "router", None, None, None, also_right=frozenset({"OpenWrt"}),
            parts=(
                Lighttpd(plain_ports=(80,), tls_ports=(443,), subject="/C=ZZ/L=Unknown/O=OpenWrt/CN=OpenWrt",
                         files={"/index.html": _html("office - LuCI", SIGN_IN)}),
                Dropbear(),
                Dnsmasq(),
            ),
        ),
        FINE,
        Device(
            "printer", "192.168.77.12", "printer", "HP", "LaserJet Pro M404dn",
            also_right=frozenset({"HP LaserJet Pro M404dn", "002.2606A", "Hewlett-Packard", "Hewlett Packard"}),
            parts=(Web(80, server="HP HTTP Server; HP LaserJet Pro M404dn - W1A53A; Serial Number: XX00000000; "
                       "Built:Mon Mar 02, 2026 07:01:02AM {002.2606A}",
                       pages={"/": Page(_html("HP LaserJet Pro M404dn", SIGN_IN))}),),
        ),
        Device(
            "phone", "192.168.77.15", "voip", "Yealink", "SIP-T54W", "96.87.0.15", also_right=frozenset({"T54W"}),
            parts=(Sip("Yealink SIP-T54W 96.87.0.15"),),
        ),
        QUIET,
    ),
)  # fmt: skip
