"""Several audits become one: one office, seen from every side."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from sohoaudit import document
from sohoaudit.identify import Identifier
from sohoaudit.joining import Face
from sohoaudit.knowledge import fingerprints
from sohoaudit.merging import merged
from sohoaudit.model import Audit, Endpoint, Evidence, Gap, Observation, Priority, Scope, Vantage
from sohoaudit.verdict import verdict

START = datetime(2026, 11, 1, 9, tzinfo=UTC)
ROUTER, WAN, CAMERA = "192.168.1.1", "203.0.113.7", "192.168.1.20"
SIGN_IN = "<title>Vigor Login Page</title><form><input type=password></form>"
KEY = {"tls.key_sha256": "ab"}


def said(
    address: str, port: int, fields: dict[str, str], vantage: Vantage = Vantage.LAN, probe: str = "https"
) -> Observation:
    return replace(Observation.of(Endpoint(address, port), fields, probe), vantage=vantage, time=START)


def audit(*observations: Observation, vantage: Vantage = Vantage.LAN, day: int = 0, **more: object) -> Audit:
    faces: dict[str, Face] = {}
    for observation in observations:
        address = observation.endpoint.address
        face = faces.setdefault(address, Face(address, vantage))
        face.open.append(observation.endpoint)
        face.observations.append(observation)
    devices, gaps = verdict(list(faces.values()), Identifier(fingerprints.load()))
    assert not gaps
    when = START + timedelta(days=day)
    scope = Scope((ip_network(next(iter(faces), ROUTER)),), vantage=vantage, authority=vantage.value)
    whole = Audit(scope, when, when, devices, **more)  # type: ignore[arg-type]
    return document.parse(json.dumps(document.to_document(whole)).encode())


INSIDE = audit(said(ROUTER, 443, {"http.title": "Vigor Login Page", "http.body": SIGN_IN, **KEY}))
OUTSIDE = audit(said(WAN, 443, {"http.body": SIGN_IN, **KEY}, Vantage.INTERNET), vantage=Vantage.INTERNET, day=1)


def rules(whole: Audit) -> dict[str, Priority]:
    return {finding.rule: finding.priority for _, finding in whole.findings}


def test_the_router_of_both_audits_is_one_device_with_two_faces() -> None:
    (device,) = merged([OUTSIDE, INSIDE]).devices
    assert device.addresses == (ROUTER, WAN)
    assert {e.evidence for e in device.exposures} == {Evidence.LAN_ONLY, Evidence.CONNECTED}
    assert [join.key for join in device.joins] == ["tls:ab"]


def test_findings_are_judged_on_the_whole() -> None:
    assert "exposure.https" not in rules(INSIDE)
    assert rules(merged([INSIDE, OUTSIDE]))["exposure.https"] is Priority.HIGH


def test_the_order_of_the_files_changes_nothing() -> None:
    assert merged([INSIDE, OUTSIDE], language="en") == merged([OUTSIDE, INSIDE], language="en")


def test_an_audit_merged_alone_or_twice_says_what_it_said() -> None:
    alone, twice = merged([INSIDE]), merged([INSIDE, INSIDE])
    assert alone.devices == INSIDE.devices
    assert twice.devices == INSIDE.devices


def test_what_only_the_outside_could_tell_is_no_gap_where_the_outside_was_looked_at() -> None:
    settled = Gap("sweep", WAN, "answers from inside", code="outside-only", detail=WAN)
    open_still = Gap("sweep", "IPv6", "answer from inside", code="firewalled6", detail="2001:db8::1 2001:db8::2")
    inside = replace(INSIDE, coverage=(settled, open_still))
    assert merged([inside]).coverage == (settled, open_still)
    assert merged([inside, OUTSIDE]).coverage == (open_still,)


NAS6, ASKED = "2001:db8:1::20", {"tcp ports": "3", "tcp ports asked": "443, 5000, 5001"}


def _both_sides_of_a_global_address(*outside: Observation, **more: object) -> dict[int, str]:
    inside = [said(NAS6, port, {"http.title": "x"}) for port in (5000, 5001, 8080)]
    looked = audit(*outside, vantage=Vantage.INTERNET, day=1, **more)
    looked = replace(looked, scope=replace(looked.scope, networks=(ip_network(NAS6),)))
    both = merged([audit(*inside), looked])
    again = merged([both, INSIDE])
    doubts = [
        {e.endpoint.port: e.doubt for d in each.devices for e in d.exposures if e.evidence is Evidence.GLOBAL_ADDRESS}
        for each in (both, again)
    ]
    assert doubts[0] == doubts[1], "what was found out is kept when it is merged once more"
    return doubts[0]


def test_a_port_that_was_asked_from_outside_in_vain_is_doubted_and_one_that_was_not_asked_is_not() -> None:
    answers = said(NAS6, 5001, {"http.title": "x"}, Vantage.INTERNET)
    assert _both_sides_of_a_global_address(answers, settings=ASKED) == {5000: "shut", 5001: "", 8080: ""}


@pytest.mark.parametrize(
    "more", [{"settings": ASKED, "is_complete": False}, {"settings": {"imported": "nmap XML"}}], ids=["cut off", "nmap"]
)
def test_a_look_from_outside_that_was_cut_off_or_is_somebody_elses_settles_nothing(more: dict[str, object]) -> None:
    answers = said(NAS6, 5001, {"http.title": "x"}, Vantage.INTERNET)
    assert set(_both_sides_of_a_global_address(answers, **more).values()) == {""}


def test_an_address_that_was_silent_outside_may_have_been_out_of_reach() -> None:
    assert set(_both_sides_of_a_global_address(settings=ASKED).values()) == {""}


def test_the_routers_of_the_network_are_those_that_the_inside_named() -> None:
    outside, inside = (replace(a, settings={"gateways": g}) for a, g in ((OUTSIDE, "203.0.113.1"), (INSIDE, ROUTER)))
    assert merged([merged([outside, inside]), outside]).settings["gateways"] == ROUTER


def test_what_two_files_of_an_index_tell_is_put_together_and_the_same_is_told_once() -> None:
    page, shell = ({"http.title": "Vigor Login Page"}, {"ssh.banner": "SSH-2.0-x"})
    first = audit(said(WAN, 443, page, Vantage.INDEX), vantage=Vantage.INDEX)
    second = audit(said(WAN, 22, shell, Vantage.INDEX), vantage=Vantage.INDEX, day=1)
    (device,) = merged([first, second, first]).devices
    assert [observation.endpoint.port for observation in device.observations] == [443, 22]
    assert {e.evidence for e in device.exposures} == {Evidence.INDEXED}


def test_what_was_seen_twice_from_one_side_counts_as_the_newest_saw_it() -> None:
    later = audit(said(ROUTER, 8080, {"http.title": "other", **KEY}), day=9)
    (device,) = merged([later, INSIDE]).devices
    assert {service.endpoint.port for service in device.services} == {8080}


def test_times_scopes_and_authorities_are_those_of_all() -> None:
    whole = merged([OUTSIDE, INSIDE])
    assert (whole.started, whole.ended) == (START, START + timedelta(days=1))
    assert whole.scope.vantage is Vantage.LAN
    assert len(whole.scope.networks) == 2
    assert whole.scope.authority == "lan; internet"
    assert whole.settings["vantages"] == "lan, internet"


@pytest.mark.parametrize("flag", ["is_demo", "is_complete"])
def test_a_demo_or_a_stopped_audit_marks_the_whole(flag: str) -> None:
    marked = replace(OUTSIDE, **{flag: flag == "is_demo"})
    assert getattr(merged([INSIDE, marked]), flag) is (flag == "is_demo")
