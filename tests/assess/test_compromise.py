"""Signs that nothing honest leaves, and the honest things that look like them."""

from dataclasses import replace

import pytest

from sohoaudit.model import Priority

from .conftest import INSIDE, OUTSIDE, at, box, only, said

TLS = at(INSIDE, 8443)
WRTHUG = {"tls__subject": "CN=a,OU=a,O=a,L=a,ST=a,C=aa", "tls__issuer": "CN=a,OU=a,O=a,L=a,ST=a,C=aa"}
LAPD = "CN=ROOT,OU=Police department,O=LAPD,L=LA,ST=California,C=US"


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
        box(says=[mapping("")]),
        box(says=[said(at(OUTSIDE, 5000), upnp__mapping="TCP 1080 203.0.113.9:443 enabled")]),
    ],
)
def test_what_may_be_honest_is_no_sign(judge, device):
    assert signs(judge, device) == set()


def test_a_decoy_is_not_reported_as_taken_over(judge):
    device = speaking(7777, "xlogin: ")
    device = replace(device, identity=replace(device.identity, traits=frozenset({"decoy"})))
    assert only(judge(device)).rule == "decoy"
