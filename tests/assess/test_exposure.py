"""Doors: what the internet can reach, what is normal inside, and how each is known."""

from dataclasses import replace

import pytest

from sohoaudit.model import Evidence, Exposure, Priority, Service, Vantage

from .conftest import INSIDE, OUTSIDE, at, box, mapped, only, said

SIGN_IN = '<form><input name="u"><input type="password" name="p"></form>'


def test_a_service_seen_from_the_internet_is_connected(judge):
    judge(box((at(OUTSIDE, 443), "https")), Vantage.INTERNET)
    assert [e.evidence for e in judge.device.exposures] == [Evidence.CONNECTED]


@pytest.mark.parametrize(
    ("address", "evidence"),
    [
        ("192.168.50.1", Evidence.LAN_ONLY),
        ("100.64.3.4", Evidence.LAN_ONLY),
        ("fe80::1", Evidence.LAN_ONLY),
        ("203.0.113.7", Evidence.GLOBAL_ADDRESS),
        ("2001:db8::1", Evidence.GLOBAL_ADDRESS),
    ],
)
def test_from_inside_only_the_address_itself_can_hint_at_the_internet(judge, address, evidence):
    judge(box((at(address, 22), "ssh")))
    assert [e.evidence for e in judge.device.exposures] == [evidence]


def test_what_an_index_saw_carries_the_day_it_was_seen(judge):
    endpoint = at(OUTSIDE, 443)
    observation = said(endpoint, http__title="Router")
    judge(box((endpoint, "https"), says=[observation]), Vantage.INDEX)
    (exposure,) = judge.device.exposures
    assert (exposure.evidence, exposure.detail) == (Evidence.INDEXED, observation.time.date().isoformat())


def test_exposures_the_device_brings_are_kept_and_not_doubled(judge):
    endpoint = at(OUTSIDE, 443)
    hairpin = Exposure(endpoint, "https", Vantage.LAN, Evidence.HAIRPIN)
    judge(box((endpoint, "https"), (at(INSIDE, 443), "https"), exposures=[hairpin]))
    assert [e.evidence for e in judge.device.exposures] == [Evidence.HAIRPIN, Evidence.LAN_ONLY]


def test_judging_twice_changes_nothing(judge):
    judge(box((at(OUTSIDE, 443), "https"), (at(OUTSIDE, 23), "telnet")), Vantage.INTERNET)
    once = judge.device
    judge(once, Vantage.INTERNET)
    assert judge.device == once


def test_a_routers_page_on_the_internet_is_told_in_plain_words(judge):
    endpoint = at(OUTSIDE, 443)
    findings = judge(box((endpoint, "https"), says=[said(endpoint, http__body=SIGN_IN)]), Vantage.INTERNET)
    finding = only(findings)
    assert finding.rule == "exposure.https" and finding.priority is Priority.HIGH
    assert finding.title == "Anyone on the internet can reach this router's sign-in page"
    assert "BOD 23-02" in finding.references
    assert finding.because == ("internet", "management")
    assert finding.endpoint == endpoint


def test_an_office_seen_from_inside_has_nothing_above_low(judge):
    services = [(at(INSIDE, port), name) for port, name in ((80, "http"), (443, "https"), (22, "ssh"), (53, "dns"))]
    assert judge(box(*services)) == {}


@pytest.mark.parametrize(("port", "protocol"), [(23, "telnet"), (21, "ftp")])
def test_what_is_unencrypted_inside_is_low(judge, port, protocol):
    finding = only(judge(box((at(INSIDE, port), protocol))))
    assert (finding.rule, finding.priority) == (f"exposure.{protocol}", Priority.LOW)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_door_that_answered_outside_is_sure_whatever_a_global_address_suggests(judge, is_first):
    suggested, answered = at("2001:db8::1", 443), at(OUTSIDE, 443)
    doors = [
        Exposure(suggested, "https", Vantage.LAN, Evidence.GLOBAL_ADDRESS, management=True),
        Exposure(answered, "https", Vantage.INTERNET, Evidence.CONNECTED, management=True),
    ]
    services = [(suggested, "https"), (answered, "https")]
    finding = only(judge(box(*services, exposures=doors if is_first else doors[::-1])))
    assert finding.because == ("internet", "management")
    assert {line.partition(" ")[0] for line in finding.evidence} >= {"[2001:db8::1]:443", f"{OUTSIDE}:443"}


def test_a_global_address_is_worded_as_perhaps(judge):
    finding = only(judge(box((at("2001:db8::1", 22), "ssh"))))
    assert finding.title == "The internet may be able to reach this router's remote command line (SSH)"
    assert "[2001:db8::1]:22" in finding.summary


@pytest.mark.parametrize(
    ("port", "spoken", "rule"),
    [
        (8291, "winbox", "exposure.winbox"),
        (445, "smb", "exposure.smb"),
        (7547, "http", "exposure.tr-069"),
        (7547, "cwmp", "exposure.tr-069"),
        (23, "telnet", "exposure.telnet"),
        (554, "rtsp", "exposure.rtsp"),
    ],
)
def test_what_opens_a_device_or_its_files_is_a_finding_of_its_protocol(judge, port, spoken, rule):
    finding = only(judge(box((at(OUTSIDE, port), spoken)), Vantage.INTERNET))
    assert (finding.rule, finding.priority) == (rule, Priority.HIGH)


def test_an_odd_port_on_which_nothing_was_said_names_no_protocol(judge):
    endpoint = at(OUTSIDE, 7777)
    silent = box((endpoint, "telnet"))
    assert judge(silent, Vantage.INTERNET) == judge(box((at(OUTSIDE, 5555), "adb")), Vantage.INTERNET) == {}
    spoken = replace(silent, observations=(said(endpoint, telnet__banner="> "),))
    assert only(judge(spoken, Vantage.INTERNET)).rule == "exposure.telnet"


def test_an_odd_management_port_is_worth_finding_out_about(judge):
    endpoint = at(OUTSIDE, 2323)
    silent = replace(box(), services=(Service(endpoint, "telnet", management=True),))
    finding = only(judge(silent, Vantage.INTERNET))
    assert (finding.rule, finding.because) == ("exposure.unknown", ("internet", "unknown"))
    assert finding.title == "Anyone on the internet can reach this router's port 2323"


@pytest.mark.parametrize("internal", ["", "nowhere", "192.168.50.30:", "192.168.50.30:x", ":::"])
@pytest.mark.parametrize("protocol", ["../../en/rules/decoy", "{port!r}", "HTTP/1.1", ""])
def test_an_exposure_that_was_imported_torn_stops_nothing(judge, internal, protocol):
    judge(box(exposures=[mapped(at(OUTSIDE, 8080), internal, protocol)]))
    assert [finding.rule for finding in judge.device.findings] == ["upnp.port-mapping"]


def test_every_exposure_says_whether_it_manages_the_device(judge):
    judge(box((at(INSIDE, 80), "http"), (at(INSIDE, 53), "dns"), (at(INSIDE, 445), "smb")))
    assert [exposure.management for exposure in judge.device.exposures] == [True, False, True]


def test_a_web_site_on_a_computer_is_no_finding(judge):
    assert judge(box((at(OUTSIDE, 443), "https"), kind="server"), Vantage.INTERNET) == {}


def test_the_page_of_an_unknown_box_is_worth_finding_out_about(judge):
    finding = only(judge(box((at(OUTSIDE, 80), "http"), kind=None), Vantage.INTERNET))
    assert (finding.priority, finding.because) == (Priority.MEDIUM, ("internet", "unknown"))
    assert finding.title == "Anyone on the internet can reach this device's web page"


def test_telephony_on_the_internet_is_only_known_of(judge):
    finding = only(judge(box((at(OUTSIDE, 5060), "sip"), kind="voip"), Vantage.INTERNET))
    assert (finding.rule, finding.priority) == ("exposure.sip", Priority.LOW)


def test_one_door_seen_on_two_faces_is_one_finding_as_pressing_as_the_worse(judge):
    outside = Exposure(at(OUTSIDE, 23), "telnet", Vantage.INTERNET, Evidence.CONNECTED)
    finding = only(judge(box((at(INSIDE, 23), "telnet"), exposures=[outside])))
    assert finding.priority is Priority.HIGH
    assert any(OUTSIDE in line for line in finding.evidence) and any(INSIDE in line for line in finding.evidence)


def test_a_door_on_the_routers_list_is_told_by_the_mapping_alone(judge):
    inner = at("192.168.50.30", 80)
    door = mapped(at(OUTSIDE, 8080), str(inner), "http")
    reached = Exposure(door.endpoint, "http", Vantage.INTERNET, Evidence.CONNECTED)
    finding = only(judge(box((inner, "http"), kind="camera", exposures=[door, reached])))
    assert (finding.rule, finding.priority) == ("upnp.port-mapping", Priority.HIGH)
    assert [line.partition(": ")[2].split()[0] for line in finding.evidence] == ["mapped", "connected"]
