"""Boxes that pretend to be many devices at once."""

from dataclasses import replace

import pytest

from sohoaudit.model import Certainty, Match, Priority, Vantage

from .conftest import OUTSIDE, Life, World, at, box, only, said

MAKERS = ("ASUS", "Cisco", "D-Link")


def claiming(*makers: str, traits=frozenset()):
    matches = tuple(Match("vendor", m, Certainty.LIKELY, "f", "http.title", f"{m} router") for m in makers)
    device = box((at(OUTSIDE, 23), "telnet"))
    return replace(device, identity=replace(device.identity, evidence=matches, traits=traits))


def test_a_decoy_is_one_low_finding_and_nothing_else(judge):
    world = World(model_life=Life("end-of-life"))
    finding = only(judge(claiming(*MAKERS, traits=frozenset({"decoy"})), Vantage.INTERNET, world))
    assert (finding.rule, finding.priority) == ("decoy", Priority.LOW)
    assert "ASUS, Cisco, D-Link" in finding.summary
    assert finding.evidence[:2] == ("open ports: 1", "http.title: ASUS router")


def test_whether_many_makers_are_a_decoy_is_for_identification_to_say(judge):
    assert only(judge(claiming(*MAKERS), Vantage.INTERNET)).rule == "exposure.telnet"


def test_a_box_that_answers_on_every_port_is_a_decoy(judge):
    finding = only(judge(box(*((at(OUTSIDE, 8000 + n), "http") for n in range(40))), Vantage.INTERNET))
    assert finding.rule == "decoy" and "40 ports" in finding.summary


@pytest.mark.parametrize(("ways", "is_decoy"), [(3, True), (2, False)])
def test_a_port_that_names_itself_anew_with_every_question_is_a_decoy(judge, ways, is_decoy):
    port = at(OUTSIDE, 80)
    answers = [said(port, http__server=f"Server {n % ways}") for n in range(6)]
    findings = judge(box((port, "http"), says=answers), Vantage.INTERNET)
    assert (set(findings) == {"decoy"}) is is_decoy
    assert not is_decoy or "3" in findings["decoy"].summary


def test_a_box_that_answers_on_many_ports_is_none(judge):
    findings = judge(box(*((at(OUTSIDE, 8000 + n), "http") for n in range(39))), Vantage.INTERNET)
    assert set(findings) == {"exposure.http"}
