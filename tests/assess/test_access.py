"""What opens without a password, and what only looks like it."""

import pytest

from sohoaudit.model import Priority, Transport, Vantage

from .conftest import INSIDE, OUTSIDE, at, box, only, said

SETTINGS = """<html><title>Status</title><ul><li>WAN <li>DHCP <li>Port Forwarding <li>Firewall
<li>Firmware Upgrade <li>Reboot <li>Change Password</ul></html>"""
PICTURE = '<html><title>IPCAM</title><img src="/stream/video.mjpg"></html>'
HERE = at(INSIDE, 80)


def page(body: str, kind: str | None = "router", **fields: str):
    return box((HERE, "http"), kind=kind, says=[said(HERE, http__body=body, **fields)])


def test_a_settings_page_without_any_sign_in_is_open(judge):
    finding = only(judge(page(SETTINGS)))
    assert (finding.rule, finding.priority) == ("auth.none", Priority.HIGH)
    assert "Port Forwarding" in finding.summary


def test_the_same_page_on_the_internet_is_urgent(judge):
    endpoint = at(OUTSIDE, 80)
    findings = judge(box((endpoint, "http"), says=[said(endpoint, http__body=SETTINGS)]), Vantage.INTERNET)
    assert findings["auth.none"].priority is Priority.URGENT


def test_a_cameras_picture_that_anybody_sees_is_open(judge):
    assert only(judge(page(PICTURE, kind="camera"))).rule == "auth.none"


@pytest.mark.parametrize(
    "body",
    [
        SETTINGS + "<input type='password'>",
        SETTINGS + "<a href=login.htm>Log in</a>",
        SETTINGS + "<script>location.href='/x'</script>",
        SETTINGS + '<meta http-equiv="refresh" content="0; url=/x">',
        SETTINGS + "<frameset>",
        "<p>ログイン</p>" + SETTINGS,
        "<html><title>Welcome</title>WAN DHCP</html>",
        PICTURE,
        "",
    ],
    ids=["password field", "link", "script", "refresh", "frames", "Japanese", "two words", "picture", "empty"],
)
def test_a_page_that_may_lead_to_a_sign_in_is_not_called_open(judge, body):
    assert judge(page(body)) == {}


@pytest.mark.parametrize("fields", [{"http__www_authenticate": 'Basic realm="x"'}, {"http__status": "401"}], ids=str)
def test_a_page_that_was_refused_is_not_called_open(judge, fields):
    assert judge(page(SETTINGS, **fields)) == {}


@pytest.mark.parametrize("kind", ["printer", "computer", None])
def test_a_page_of_a_printer_a_computer_or_nobody_knows_what_is_left_alone(judge, kind):
    assert judge(page(SETTINGS, kind=kind)) == {}


@pytest.mark.parametrize(
    ("banner", "is_open"), [("ScMM\\xff", True), ("MMcS", True), ("Scmm", False), ("x ScMM", False)]
)
def test_a_makers_own_back_door_is_open_by_its_mark_and_not_by_its_port(judge, banner, is_open):
    endpoint = at(INSIDE, 32764)
    findings = judge(box((endpoint, "sercomm-backdoor"), says=[said(endpoint, tcp__banner=banner)]))
    assert ("auth.none" in findings) is is_open


@pytest.mark.parametrize(
    "banner",
    ["BusyBox v1.19.4 built-in shell (ash)\n\n# ", "\nroot@router:/# ", "#"],
)
def test_a_shell_that_is_simply_there_is_open(judge, banner):
    endpoint = at(INSIDE, 23)
    findings = judge(box((endpoint, "telnet"), says=[said(endpoint, telnet__banner=banner)]))
    assert findings["auth.none"].priority is Priority.HIGH


@pytest.mark.parametrize("banner", ["router login: ", "### Welcome ###\nPassword: ", "MENU\n> ", "Line #12 busy"])
def test_a_shell_that_asks_is_not_open(judge, banner):
    endpoint = at(INSIDE, 23)
    assert "auth.none" not in judge(box((endpoint, "telnet"), says=[said(endpoint, telnet__banner=banner)]))


@pytest.mark.parametrize(
    ("address", "vantage", "priority"),
    [(INSIDE, Vantage.LAN, Priority.LOW), (OUTSIDE, Vantage.INTERNET, Priority.HIGH)],
)
def test_snmp_that_answers_to_public_is_told(judge, address, vantage, priority):
    endpoint = at(address, 161, Transport.UDP)
    observation = said(endpoint, snmp__community="public", snmp__sysdescr="Example router 1.2")
    finding = judge(box((endpoint, "snmp"), says=[observation]), vantage)["snmp.public-community"]
    assert finding.priority is priority
    assert "Example router 1.2" in finding.summary


def test_snmp_that_answered_to_a_community_of_its_own_is_no_finding(judge):
    endpoint = at(INSIDE, 161, Transport.UDP)
    observation = said(endpoint, snmp__community="given", snmp__sysdescr="Example router 1.2")
    assert judge(box((endpoint, "snmp"), says=[observation])) == {}
