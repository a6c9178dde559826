"""Every family that tells its exact firmware to one safe question is asked it, and a fingerprint reads the answer."""

from pathlib import Path

import pytest

from sohoaudit.identify import Identifier, Question
from sohoaudit.knowledge import fingerprints
from sohoaudit.model import Endpoint, Observation
from sohoaudit.probe import probes

# The family, the file under fingerprints/devices that knows it, what such a device says first, and the questions that
# follow, any of which tells the firmware. A word alone is a probe that is sent unbidden; `itself` needs no question.
FAMILIES = [
    ("NETGEAR routers", "netgear", {"http.www_authenticate": 'Basic realm="NETGEAR R9000"'}, ["/currentsetting.htm"]),
    ("NETGEAR extenders", "netgear", {"http.title": "NETGEAR Router EX9000"}, ["/currentsetting.htm"]),
    ("Linksys Smart Wi-Fi", "linksys", {"http.title": "Linksys Smart Wi-Fi"}, ["jnap-device-info"]),
    ("D-Link routers by their server", "d-link", {"http.server": "Linux, HTTP/1.1, DIR-960L Ver 9.11"}, ["itself"]),
    ("D-Link routers by their page", "any", {"http.title": "D-LINK SYSTEMS | WIRELESS ROUTER | DIR-999"}, ["/HNAP1/"]),
    ("TP-Link Archer", "tp-link", {"http.title": "Opening..."}, ["tplink-firmware-info"]),
    ("TP-Link agile", "tp-link", {"http.body": '<a href="http://tplinkwifi.net">x</a>'}, ["tplink-agile-info"]),
    ("DrayTek Vigor", "draytek", {"http.title": "Vigor Login Page"}, ["/weblogin.htm"]),
    ("DrayTek Vigor by SNMP", "draytek", {}, ["snmp.sysdescr"]),
    ("FRITZ!Box", "avm", {"http.title": "FRITZ!Box 9590 AX"}, ["/jason_boxinfo.xml"]),
    ("FRITZ!Box by SIP", "avm", {}, ["sip.user_agent"]),
    ("Zyxel CPE", "zyxel", {"http.title": ".:: Welcome to the Web-Based Configurator::."}, ["/getBasicInformation"]),
    ("MikroTik by its page", "mikrotik", {}, ["http.body", "http.title"]),
    ("MikroTik by MNDP", "mikrotik", {}, ["mndp"]),
    ("MikroTik by Winbox", "mikrotik", {}, ["winbox"]),
    ("MikroTik by SNMP", "mikrotik", {"snmp.sysobjectid": "1.3.6.1.4.1.14988.1"}, ["snmp:1.3.6.1.4.1.14988.1.1.4.4.0"]),
    ("MikroTik by UPnP", "mikrotik", {}, ["upnp.server"]),
    ("Ubiquiti", "ubiquiti", {}, ["ubnt"]),
    ("Speedport", "telekom", {"http.title": "Speedport Smart 9"}, ["/data/Status.json"]),
    ("LANCOM", "lancom", {}, ["http.server"]),
    ("TRENDnet", "trendnet", {"http.title": "TRENDNET | TEW-951BR | Login"}, ["/misc.ccp"]),
    ("Netis", "netis", {"http.title": "Netis router"}, ["/netcore_get.cgi"]),
    ("TOTOLINK", "totolink", {"http.title": "TOTOLINK"}, ["totolink-init"]),
    ("Xiaomi", "xiaomi", {"http.title": "小米路由器"}, ["/cgi-bin/luci/api/xqsystem/init_info"]),
    ("DD-WRT", "dd-wrt", {"http.www_authenticate": 'Basic realm="DD-WRT"'}, ["/Info.htm"]),
    ("Cradlepoint", "cradlepoint", {"http.server": "CradlepointHTTPService/1.0.0"}, ["/login/"]),
    ("Sierra Wireless", "sierra-wireless", {}, ["http.body"]),
    ("Huawei gateways", "huawei", {"http.title": "HG8999H"}, ["/api/system/deviceinfo"]),
    ("Arris Touchstone", "arris", {"http.title": "Touchstone Status"}, ["/cgi-bin/vers_cgi"]),
    ("Arris NVG and BGW", "arris", {"http.header.location": "/cgi-bin/home.ha"}, ["/cgi-bin/home.ha"]),
    ("Livebox of Sagemcom", "sagemcom", {"http.title": "Livebox"}, ["softathome-device-info"]),
    ("Livebox of Arcadyan", "arcadyan", {}, ["http.body"]),
    ("ipTIME", "efm", {"http.title": "ipTIME A9004NS"}, ["/login/login.cgi"]),
    (
        "Buffalo AirStation",
        "buffalo",
        {"http.title": "AirStation Settings"},
        ["/cgi-bin/cgi?req=fnc&fnc=%24{get_json_param(DEVICE,0)}"],
    ),
    ("QNAP", "qnap", {"http.title": "Welcome to QNAP Turbo NAS"}, ["/cgi-bin/authLogin.cgi"]),
    (
        "Synology",
        "synology",
        {"http.title": "Office - Synology DiskStation"},
        ["/synohdpack/synohdpack.version", "findhost"],
    ),
    ("ASUSTOR", "asustor", {"http.title": "ASUSTOR Data Master"}, ["/portal/"]),
    ("TerraMaster", "terramaster", {"http.title": "TOS Loading"}, ["/v2/welcome", "/version"]),
    ("WD My Cloud", "western-digital", {"http.title": "WDMyCloudEX2"}, ["/xml/info.xml"]),
    ("D-Link NAS", "d-link", {"upnp.model_name": "DNS-399L"}, ["/xml/info.xml"]),
    (
        "Buffalo NAS",
        "buffalo-nas",
        {"http.title": "LinkStation - LS-WVL"},
        ["/nas/get/register?output=json&callback=parseNASinfo"],
    ),
    ("Seagate NAS", "seagate", {"http.title": "Seagate NAS OS"}, ["/api/external/7.0/system.System.get_infos"]),
    ("Hikvision", "hikvision", {}, ["sadp"]),
    ("Dahua", "dahua", {}, ["dhip"]),
    ("Axis", "axis", {"http.title": "Live view - AXIS P9367 Network Camera"}, ["axis-basic-device-info"]),
    ("D-Link cameras", "d-link", {"http.www_authenticate": 'Basic realm="DCS-9530L"'}, ["/common/info.cgi"]),
    ("NETGEAR Plus switches", "netgear", {"http.title": "NETGEAR GS908Ev9"}, ["nsdp"]),
    ("NETGEAR managed switches", "netgear-switches", {}, ["snmp.sysdescr"]),
    ("NETGEAR smart switches", "netgear", {"http.title": "NETGEAR GS952TPv2"}, ["/cgi/get.cgi?cmd=home_login"]),
    ("Ruckus", "ruckus", {"http.title": "Ruckus Wireless Admin"}, ["/upnp.jsp"]),
    ("cnPilot", "cambium", {}, ["http.body"]),
    ("Grandstream", "grandstream", {}, ["sip.user_agent"]),
    ("Yealink", "yealink", {}, ["sip.user_agent"]),
    ("Poly", "poly", {}, ["sip.user_agent"]),
    ("Snom", "snom", {}, ["sip.user_agent"]),
    ("Cisco phones", "cisco", {}, ["sip.user_agent"]),
    ("Mitel and Aastra", "mitel", {}, ["sip.user_agent"]),
    ("Gigaset", "gigaset", {}, ["sip.user_agent"]),
    ("AudioCodes", "audiocodes", {}, ["sip.user_agent"]),
    ("Fanvil", "fanvil", {}, ["sip.user_agent"]),
    (
        "HP printers",
        "hp",
        {"http.server": "HP HTTP Server; HP OfficeJet Pro 9999 - D9L99A; Serial Number: XX"},
        ["/DevMgmt/ProductConfigDyn.xml"],
    ),
    ("printers by IPP", "any", {}, ["ipp"]),
]


@pytest.fixture(scope="module")
def shipped():
    return fingerprints.load_with_examples()


def is_asked_unbidden(name: str) -> bool:
    return name in probes() and not probes()[name].waits_for_reason


def name_of(question: Question) -> str | None:
    return question.path or question.name or (f"snmp:{question.oid}" if question.oid else None)


def answers_to(question: str) -> str:
    """The beginning of the fields that an answer to it fills."""
    if question.startswith("snmp:"):
        return question.replace(":", ".")
    if question.startswith("/"):
        return f"http.body@{question}"
    if named := fingerprints.questions().get(question):
        return f"http.body@{named.path}" if named.answer == "body" else named.answer
    return f"{question}." if question in probes() else question


@pytest.mark.parametrize(("family", "file", "seen", "questions"), FAMILIES, ids=[row[0] for row in FAMILIES])
def test_a_family_that_tells_its_firmware_is_asked_for_it(shipped, family, file, seen, questions):
    here = Observation.of(Endpoint("192.0.2.7", 80), {"http.status": "200", **seen})
    asked = {name_of(question) for question in Identifier(shipped).questions([here])}
    for question in questions if seen and questions != ["itself"] else []:
        assert question in asked, f"{family}: {question} is not asked, only {asked}"
    for question in questions if not seen else []:
        assert "." in question or is_asked_unbidden(question), f"{family}: nobody asks {question}"


@pytest.mark.parametrize(("family", "file", "seen", "questions"), FAMILIES, ids=[row[0] for row in FAMILIES])
def test_a_family_that_tells_its_firmware_is_understood(shipped, family, file, seen, questions):
    if questions == ["itself"]:
        assert Identifier(shipped).identify_fields(seen).firmware
        return
    fields = tuple(answers_to(question) for question in questions)
    told = [
        example
        for one in shipped.all
        if Path(one.where).stem == file
        for example in one.examples
        if any(name.startswith(fields) for name in example.give)
    ]
    assert any("firmware" in (example.expect or {}) for example in told), f"{family}: no example tells a firmware"
