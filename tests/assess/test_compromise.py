"""Signs that nothing honest leaves, and the honest things that look like them."""

from dataclasses import replace

import pytest

from sohoaudit.knowledge.ports import default_ports, known
from sohoaudit.model import Certainty, Observation, Priority, Transport, Vantage

from .conftest import INSIDE, OUTSIDE, at, box, only, said, unsure

TLS = at(INSIDE, 8443)
WRTHUG = {"tls__subject": "CN=a,OU=a,O=a,L=a,ST=a,C=aa", "tls__issuer": "CN=a,OU=a,O=a,L=a,ST=a,C=aa"}
LAPD = "CN=ROOT,OU=Police department,O=LAPD,L=LA,ST=California,C=US"


def made(vendor: str, port: int, **says: str):
    endpoint = at(INSIDE, port)
    return box((endpoint, "ssh"), vendor=vendor, says=[said(endpoint, **says)])


def page(kind: str, **says: str):
    return box((TLS, "https"), kind=kind, says=[said(TLS, **says)])


def signs(judge, device):
    return {rule for rule in judge(device) if rule.startswith("compromise.")}


def speaking(port: int, banner: str):
    endpoint = at(INSIDE, port)
    return box((endpoint, "unknown"), says=[said(endpoint, telnet__banner=banner)])


def mapping(line: str):
    return said(at(INSIDE, 5000), upnp__mapping=f'TCP 3074 192.168.50.60:3074 enabled lease=0 "game"\n{line}')


@pytest.mark.parametrize(
    ("device", "rule"),
    [
        (replace(box(), hostname="HACKED-ROUTER-HELP-SOS-HAD-DEFAULT-PASSWORD"), "compromise.mf-worm"),
        (box(says=[said(TLS, ubnt__hostname="HACKED-ROUTER-HELP-SOS-WAS-MFWORM-INFECTED")]), "compromise.mf-worm"),
        (speaking(7777, "xlogin: "), "compromise.quad7"),
        (speaking(63256, "\r\nalogin:"), "compromise.quad7"),
        (speaking(63210, "rlogin: "), "compromise.quad7"),
        (box(says=[said(TLS, **WRTHUG, tls__not_after="2122-05-01T00:00:00Z")]), "compromise.wrthug"),
        (box(says=[said(TLS, tls__subject=LAPD, tls__issuer=LAPD)]), "compromise.lapdogs"),
        (box(says=[mapping("TCP 1080 198.51.100.9:443 enabled lease=0")]), "compromise.upnproxy"),
        (box(says=[mapping('TCP 445 192.168.50.20:445 enabled lease=0 "galleta silenciosa"')]), "compromise.upnproxy"),
        (box(says=[mapping(f'TCP 9000 {INSIDE}:80 enabled lease=0 "x"')]), "compromise.upnproxy"),
        (box(says=[said(TLS, tls__subject="CN=jdyfj")]), "compromise.kv-botnet"),
        (made("Cisco", 49254, tls__issuer="CN=PolarSSL Test CA,O=PolarSSL,C=NL"), "compromise.polaredge"),
        (made("ASUS", 53282, ssh__banner="SSH-2.0-dropbear"), "compromise.ayysshush"),
        (made("DrayTek", 22335, ssh__banner="SSH-2.0-dropbear"), "compromise.draytek-2020"),
        (page("nas", http__title="WARNING: Your files have been locked by DEADBOLT"), "compromise.deadbolt"),
        (page("camera", http__title="HACKED by x"), "compromise.camera-defaced"),
        (page("router", http__body="<script src=coinhive.min.js></script>"), "compromise.coinhive"),
        (page("printer", ipp__printer_info="x", http__title="HACKED BY x"), "compromise.printer-defaced"),
    ],
)
def test_a_sign_is_urgent_wherever_it_is_seen_from(judge, device, rule):
    finding = judge(device)[rule]
    assert finding.priority is Priority.URGENT
    assert finding.remedy[0].startswith("Keep the evidence first")
    assert finding.evidence


@pytest.mark.parametrize(
    "device",
    [
        replace(box(), hostname="router"),
        speaking(7777, "Terraria server"),
        speaking(7777, ""),
        speaking(23, "router login: "),
        speaking(23, "rlogin: "),
        speaking(23, "use xlogin: to sign in"),
        box(says=[said(TLS, **WRTHUG, tls__not_after="2030-05-01")]),
        box(says=[said(TLS, tls__subject="CN=a,O=Acme", tls__not_after="2122-05-01")]),
        box(says=[said(TLS, tls__subject="CN=x,O=LAPDOG Inc", tls__issuer="CN=x,O=LAPDOG Inc")]),
        box(says=[said(TLS, tls__subject=LAPD, tls__issuer="CN=Public CA")]),
        box(says=[mapping('TCP 445 192.168.50.20:445 enabled lease=0 "files"')]),
        box(says=[mapping("TCP 445 nowhere:445 enabled")]),
        box(says=[mapping(f'TCP 9000 {INSIDE}:80 disabled lease=0 "x"')]),
        box(says=[mapping(f'UDP 51820 {INSIDE}:51820 enabled lease=0 "vpn"')]),
        box(says=[said(TLS, tls__subject="CN=jdyfjx")]),
        made("Cisco", 443, tls__issuer="CN=PolarSSL Test CA,O=PolarSSL,C=NL"),
        made("Examplia", 49254, tls__issuer="CN=PolarSSL Test CA,O=PolarSSL,C=NL"),
        made("ASUS", 22, ssh__banner="SSH-2.0-dropbear"),
        made("ASUS", 53282, http__title="hello"),
        made("Examplia", 53282, ssh__banner="SSH-2.0-dropbear"),
        unsure(made("ASUS", 53282, ssh__banner="SSH-2.0-dropbear"), Certainty.HINT),
        made("DrayTek", 22, ssh__banner="SSH-2.0-DraySSH_2.0"),
        page("camera", http__title="How we were hacked"),
        page("router", http__title="HACKED"),
        page("printer", http__title="HP LaserJet"),
        page("computer", http__body="<script src=coinhive.min.js></script>"),
        page("nas", http__body="What to do against DeadBolt"),
        page("router", socks__auth="password"),
        page("computer", socks__auth="none"),
        page("computer", http__title="frps dashboard"),
        page("tv", adb__auth="required"),
        box(says=[mapping("")]),
        box(says=[said(at(OUTSIDE, 5000), upnp__mapping="TCP 1080 203.0.113.9:443 enabled")]),
    ],
)
def test_what_may_be_honest_is_no_sign(judge, device):
    assert signs(judge, device) == set()


@pytest.mark.parametrize(
    ("device", "rule", "inside"),
    [
        (page("router", socks__auth="none"), "compromise.open-socks", Priority.HIGH),
        (page("tv", adb__auth="none", adb__banner="device::x"), "compromise.open-adb", Priority.HIGH),
        (page("nas", http__title="frps dashboard"), "compromise.frp", Priority.MEDIUM),
    ],
)
def test_what_its_owner_may_have_set_up_is_no_alarm_inside(judge, device, rule, inside):
    assert judge(device)[rule].priority is inside


@pytest.mark.parametrize("port", [48101, 48102, 8816])
@pytest.mark.parametrize("vantage", [Vantage.LAN, Vantage.INTERNET])
def test_a_port_alone_is_never_more_than_low(judge, port, vantage):
    address = INSIDE if vantage is Vantage.LAN else OUTSIDE
    assert judge(box((at(address, port), "unknown")), vantage)["compromise.lock-port"].priority is Priority.LOW
    assert signs(judge, box((at(address, port), "unknown"), kind="computer")) == set()


# Ports on which one family or another was seen, and all that we sweep.
ODD_PORTS = {
    1080, 1234, 2323, 3256, 4145, 5555, 5678, 7000, 7400, 7500, 7777, 8024, 8081, 8111, 8816, 8888, 9050, 9527, 9530,
    9999, 10081, 11288, 12108, 22335, 23023, 32459, 32764, 48101, 48102, 49254, 53282, 63210, 63256, 63260,
} | {port.port for port in default_ports(Transport.TCP)}  # fmt: skip


@pytest.mark.parametrize("vendor", ["ASUS", "Cisco", "DrayTek", "MikroTik", "TP-Link", "Examplia"])
@pytest.mark.parametrize("kind", ["router", "nas", "camera", "tv", "printer", None])
def test_no_rule_takes_a_port_alone_for_more_than_low(judge, vendor, kind):
    for port in ODD_PORTS:
        for address, vantage in ((INSIDE, Vantage.LAN), (OUTSIDE, Vantage.INTERNET)):
            endpoint = at(address, port)
            device = box((endpoint, known(port, Transport.TCP).protocol), vendor=vendor, kind=kind)
            told = judge(device, vantage)
            signs = {rule: f.priority for rule, f in told.items() if rule.startswith("compromise.")}
            assert set(signs.values()) <= {Priority.LOW}, (port, signs)


@pytest.mark.parametrize(
    ("field", "address", "rule"),
    [
        ("upnp.external_address", "100.64.3.4", "wan.carrier-nat"),
        ("natpmp.external_address", "10.0.0.2", "wan.double-nat"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_router_behind_another_network_says_why_nothing_comes_in(judge, field, address, rule, language):
    lines = {"upnp.mapping": "TCP 80 192.168.50.20:80 enabled\nTCP 81 192.168.50.20:81 enabled"}
    device = box(says=[Observation.of(at(INSIDE, 5000), {field: address} | lines)])
    finding = judge(device, language=language)[rule]
    assert finding.priority is Priority.LOW
    assert address in finding.summary and "2" in finding.summary
    assert signs(judge, device) == set()


@pytest.mark.parametrize("address", ["203.0.113.7", "0.0.0.0", "", "no address", "127.0.0.1"])
def test_a_router_on_the_internet_or_one_that_tells_nothing_is_not_behind_another(judge, address):
    device = box(says=[said(at(INSIDE, 5000), upnp__external_address=address)])
    assert not [rule for rule in judge(device) if rule.startswith("wan.")]


def test_a_decoy_is_not_reported_as_taken_over(judge):
    device = speaking(7777, "xlogin: ")
    device = replace(device, identity=replace(device.identity, traits=frozenset({"decoy"})))
    assert only(judge(device)).rule == "decoy"
