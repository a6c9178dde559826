"""Boxes that pretend to be many devices at once."""

from dataclasses import replace

from sohoaudit.model import Certainty, Match, Priority, Vantage

from .conftest import OUTSIDE, Life, World, at, box, only

MAKERS = ("ASUS", "Cisco", "D-Link", "NETGEAR", "Zyxel")


def claiming(*makers: str, certainty: Certainty = Certainty.LIKELY):
    matches = tuple(Match("vendor", m, certainty, "f", "http.title", f"{m} router") for m in makers)
    device = box((at(OUTSIDE, 23), "telnet"))
    return replace(device, identity=replace(device.identity, evidence=matches))


def test_five_makers_at_once_are_one_low_finding_and_nothing_else(judge):
    world = World(model_life=Life("end-of-life"))
    finding = only(judge(claiming(*MAKERS), Vantage.INTERNET, world))
    assert (finding.rule, finding.priority) == ("decoy", Priority.LOW)
    assert "ASUS, Cisco, D-Link, NETGEAR, Zyxel" in finding.summary


def test_four_makers_or_five_hints_are_an_honest_box(judge):
    for device in (claiming(*MAKERS[:4]), claiming(*MAKERS, certainty=Certainty.HINT)):
        assert only(judge(device, Vantage.INTERNET)).rule == "exposure.telnet"


def test_a_box_that_answers_on_every_port_is_a_decoy(judge):
    finding = only(judge(box(*((at(OUTSIDE, 8000 + n), "http") for n in range(40))), Vantage.INTERNET))
    assert finding.rule == "decoy" and "40 ports" in finding.summary
