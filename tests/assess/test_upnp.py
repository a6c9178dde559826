"""Doors that programs opened, and gateways that take orders from outside."""

import pytest

from sohoaudit.model import Priority, Transport, Vantage

from .conftest import INSIDE, OUTSIDE, at, box, mapped, only, said

CONTROL = {"upnp__control_url": "http://203.0.113.7:5000/ctl/IPConn"}
ANNOUNCED = {"upnp__usn": "uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:1"}


def test_a_mapping_to_a_cameras_page_is_pressing(judge):
    door = mapped(at(OUTSIDE, 8080), "192.168.50.30:80", "http", "IPCAM")
    finding = only(judge(box(kind="camera", exposures=[door])))
    assert (finding.rule, finding.priority) == ("upnp.port-mapping", Priority.HIGH)
    assert "192.168.50.30:80" in finding.summary
    assert finding.title == "The router leads anyone on the internet to this camera's control page"


def test_a_mapped_page_that_asks_for_a_password_is_called_a_sign_in_page(judge):
    inner = at("192.168.50.30", 80)
    asking = said(inner, http__www_authenticate='Basic realm="IPCAM"')
    device = box(
        (inner, "http"), kind="camera", says=[asking], exposures=[mapped(at(OUTSIDE, 8080), str(inner), "http")]
    )
    assert only(judge(device)).title.endswith("this camera's sign-in page")


def test_a_games_mapping_is_worth_asking_about(judge):
    door = mapped(at(OUTSIDE, 3074, Transport.UDP), "192.168.50.60:3074", "udp", "console")
    finding = only(judge(box(kind="computer", exposures=[door])))
    assert (finding.priority, finding.because) == (Priority.MEDIUM, ("internet", "unknown"))


def test_a_gateway_that_takes_orders_from_the_internet_is_open(judge):
    endpoint = at(OUTSIDE, 5000)
    findings = judge(box((endpoint, "upnp"), says=[said(endpoint, **CONTROL)]), Vantage.INTERNET)
    finding = only(findings)
    assert (finding.rule, finding.priority) == ("upnp.wan-control", Priority.URGENT)


def test_upnp_without_the_control_seen_is_no_open_door(judge):
    endpoint = at(OUTSIDE, 1900, Transport.UDP)
    findings = judge(box((endpoint, "upnp"), says=[said(endpoint, **ANNOUNCED)]), Vantage.INTERNET)
    assert only(findings).priority is Priority.HIGH


@pytest.mark.parametrize("address", [INSIDE, "2001:db8::1"])
def test_upnp_that_answers_inside_is_what_it_is_for(judge, address):
    endpoint = at(address, 5000)
    assert judge(box((endpoint, "upnp"), says=[said(endpoint, **CONTROL)])) == {}


@pytest.mark.parametrize(("protocol", "priority"), [("adb", Priority.HIGH), ("unknown", Priority.MEDIUM)])
def test_a_mapping_to_the_debugging_door_is_pressing_even_where_nothing_spoke(judge, protocol, priority):
    door = mapped(at(OUTSIDE, 5555), "192.168.50.61:5555", protocol)
    assert only(judge(box(kind="tv", exposures=[door]))).priority is priority


def test_doors_that_programs_opened_in_the_ipv6_firewall_are_worth_asking_about(judge):
    endpoint = at(INSIDE, 1900, Transport.UDP)
    finding = only(judge(box((endpoint, "upnp"), says=[said(endpoint, upnp__ipv6_pinholes_open="2")])))
    assert (finding.rule, finding.priority) == ("upnp.ipv6-pinhole", Priority.MEDIUM)
    assert "at least 2" in finding.summary
