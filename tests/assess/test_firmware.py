"""Firmware: given up, broken into elsewhere, or left behind; and when we had better say nothing."""

from dataclasses import replace
from datetime import date

import pytest

from sohoaudit.model import Certainty, Priority, Vantage

from .conftest import OUTSIDE, Advice, Life, Newest, Part, World, at, box, only, unsure

DEAD = World(model_life=Life("end-of-life", date(2021, 3, 31)))
EXPLOITED = World(advice=(Advice("CVE-2022-1"), Advice("CVE-2023-2", known_exploited=True)))


def test_a_model_without_updates_is_to_be_replaced(judge):
    finding = only(judge(box(), world=DEAD))
    assert (finding.rule, finding.priority) == ("firmware.end-of-life", Priority.MEDIUM)
    assert finding.title == "No update will come any more for this router (Examplia X1)"
    assert "2021-03-31" in finding.summary and any("replace it." in step for step in finding.remedy)
    assert "BOD 26-02" in finding.references


def test_a_line_of_versions_without_updates_is_to_be_updated(judge):
    world = World(branch_life=Life("end-of-life", date(2024, 9, 30)))
    finding = only(judge(box(firmware="6.4"), world=world))
    assert "Examplia 6.4" in finding.title
    assert finding.remedy[0].startswith("Update to a version that is still supported")


@pytest.mark.parametrize(
    ("since", "priority", "fact"),
    [(date(2026, 1, 12), Priority.LOW, "outdated"), (date(2024, 9, 30), Priority.MEDIUM, "unsupported")],
)
def test_a_line_of_versions_that_ended_lately_is_merely_outdated(judge, since, priority, fact):
    world = World(branch_life=Life("end-of-life", since), newest=Newest("9.9"))
    finding = only(judge(box(firmware="7.20"), world=world))
    assert (finding.rule, finding.priority, finding.because[1]) == ("firmware.end-of-life", priority, fact)


def test_the_same_model_on_the_internet_is_urgent(judge):
    findings = judge(box((at(OUTSIDE, 443), "https")), Vantage.INTERNET, DEAD)
    assert findings["firmware.end-of-life"].priority is Priority.URGENT


def test_unconfirmed_knowledge_says_probably_and_weighs_at_most_medium(judge):
    world = World(model_life=Life("end-of-life", is_verified=False))
    finding = judge(box((at(OUTSIDE, 443), "https")), Vantage.INTERNET, world)["firmware.end-of-life"]
    assert finding.priority is Priority.MEDIUM and "probably" in finding.title


def test_an_uncertain_identity_lowers_the_wording_and_not_the_priority(judge):
    finding = only(judge(unsure(box(), Certainty.LIKELY), world=DEAD))
    assert finding.priority is Priority.MEDIUM and "looks like Examplia X1" in finding.title


@pytest.mark.parametrize(
    "device",
    [
        unsure(box(), Certainty.HINT),
        box(model=None),
        box(vendor=None),
        box(fork="OpenWrt", firmware="24.10.2"),
        replace(box(), identity=None),
        replace(box(), identity=replace(box().identity, traits=frozenset({"decoy"}))),
    ],
    ids=["hint", "no model", "no vendor", "fork", "nobody knows", "decoy"],
)
def test_where_the_makers_firmware_is_not_known_to_run_it_is_not_judged(judge, device):
    world = replace(DEAD, advice=EXPLOITED.advice, newest=Newest("9.9"))
    assert not any(rule.startswith("firmware.") for rule in judge(device, world=world))


def test_an_old_line_of_a_fork_is_told_by_the_forks_name(judge):
    world = World(branch_life=Life("end-of-life", date(2022, 4, 30)))
    finding = only(judge(box(fork="OpenWrt", firmware="19.07.4"), world=world))
    assert "OpenWrt 19.07.4" in finding.title


def test_many_holes_are_one_finding_a_kind(judge):
    world = World(advice=tuple(Advice(f"CVE-2023-{n}", known_exploited=True) for n in range(40)))
    finding = only(judge(box(firmware="1.0"), world=world))
    assert finding.rule == "firmware.known-exploited" and len(finding.cves) == 40
    assert "40" in finding.summary and finding.summary.count("CVE-") == 5
    assert finding.cves[0] == "CVE-2023-39"


def test_exploited_and_other_holes_are_told_apart(judge):
    findings = judge(box(firmware="1.0"), world=EXPLOITED)
    assert findings["firmware.known-exploited"].cves == ("CVE-2023-2",)
    assert findings["firmware.known-exploited"].priority is Priority.HIGH
    assert findings["firmware.vulnerable"].cves == ("CVE-2022-1",)
    assert findings["firmware.vulnerable"].priority is Priority.MEDIUM


def test_a_hole_in_an_abandoned_model_is_not_answered_with_an_update(judge):
    findings = judge(box(firmware="1.0"), world=replace(DEAD, advice=EXPLOITED.advice))
    assert findings["firmware.known-exploited"].remedy[0].startswith("Replace it")


def test_replacing_is_the_only_advice_only_where_the_end_is_confirmed(judge):
    world = World(model_life=Life("end-of-life", is_verified=False), advice=EXPLOITED.advice)
    findings = judge(box(firmware="1.0"), world=world)
    assert findings["firmware.known-exploited"].remedy[0].startswith("Install the newest firmware")


@pytest.mark.parametrize("applies", ["no", "unknown"])
def test_an_advisory_that_does_not_surely_apply_is_no_finding_inside(judge, applies):
    world = World(advice=(Advice("CVE-2023-2", applies=applies, known_exploited=True),))
    assert judge(box(), world=world) == {}


def test_an_exploited_hole_with_the_version_unknown_is_a_question_on_the_internet(judge):
    world = World(advice=(Advice("CVE-2023-2", applies="unknown", known_exploited=True),))
    findings = judge(box((at(OUTSIDE, 443), "https")), Vantage.INTERNET, world)
    assert findings["firmware.unknown"].priority is Priority.MEDIUM


def test_unconfirmed_holes_say_probably_and_weigh_at_most_medium(judge):
    world = World(advice=(Advice("CVE-2023-2", known_exploited=True, is_verified=False),))
    finding = judge(box((at(OUTSIDE, 443), "https"), firmware="1.0"), Vantage.INTERNET, world)[
        "firmware.known-exploited"
    ]
    assert finding.priority is Priority.MEDIUM and "probably" in finding.title


def test_an_older_release_is_low_inside(judge):
    finding = only(judge(box(firmware="1.2"), world=World(newest=Newest("1.10", date(2026, 5, 1)))))
    assert (finding.rule, finding.priority) == ("firmware.outdated", Priority.LOW)
    assert "1.10" in finding.summary and "2026-05-01" in finding.summary


@pytest.mark.parametrize("version", ["1.10", "1.11", None])
def test_the_newest_release_or_an_unknown_one_is_not_called_outdated(judge, version):
    assert judge(box(firmware=version), world=World(newest=Newest("1.10"))) == {}


def test_what_has_a_known_hole_is_not_told_to_be_outdated_as_well(judge):
    findings = judge(box(firmware="1.2"), world=replace(EXPLOITED, newest=Newest("1.10")))
    assert "firmware.outdated" not in findings


OLD_PARTS = (Part("dropbear", "0.46", date(2005, 7, 8)), Part("BusyBox", "1.19.4", date(2012, 2, 4)))


def test_the_age_is_that_of_the_newest_part(judge):
    finding = only(judge(box(), world=World(parts=OLD_PARTS)))
    assert finding.rule == "firmware.age" and "BusyBox 1.19.4" in finding.summary
    assert "14 years" in finding.title and len(finding.evidence) == 2


def test_firmware_that_shows_no_update_is_planned_inside_and_for_this_week_from_the_internet(judge):
    world = World(parts=OLD_PARTS)
    assert only(judge(box(), world=world)).priority is Priority.MEDIUM
    outside = judge(box((at(OUTSIDE, 443), "https")), Vantage.INTERNET, world)
    assert outside["firmware.age"].priority is Priority.HIGH


@pytest.mark.parametrize(("released", "is_told"), [(date(2023, 6, 1), True), (date(2024, 6, 1), False)])
def test_three_years_are_the_measure(judge, released, is_told):
    assert bool(judge(box(), world=World(parts=(Part("dropbear", "2022.83", released),)))) is is_told


@pytest.mark.parametrize(
    ("device", "parts"),
    [
        (box(firmware="1.2"), OLD_PARTS),
        (box(kind="computer"), OLD_PARTS),
        (box(), (*OLD_PARTS, Part("lighttpd", "1.4.74", date(2024, 2, 19)))),
        (box(), (Part("Linux kernel", "2.6.36", date(2010, 10, 20), weighs_low=True),)),
        (box(), ()),
    ],
    ids=["version told", "computer", "a newer part", "a part that is built in for ever", "no part"],
)
def test_the_age_is_not_estimated_where_it_would_mislead(judge, device, parts):
    assert judge(device, world=World(parts=parts)) == {}
