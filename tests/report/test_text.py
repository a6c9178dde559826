"""The terminal summary names who, what and what to do, and cannot steer the terminal."""

import io
import re
from dataclasses import replace

import pytest

from sohoaudit import report
from sohoaudit.model import Endpoint, Service
from sohoaudit.report import text
from sohoaudit.report.content import digest
from sohoaudit.report.content.widths import columns as width_of
from sohoaudit.report.content.words import words
from tests.report.assessed import DRAYTEK, office, offices
from tests.report.offices import CLEAN, FORWARDED, HOSTILE, INCOMPLETE, hostile


def test_the_summary_names_priority_title_device_and_step() -> None:
    lines = text.summary(FORWARDED, "en", colour=False, columns=100).splitlines()
    assert lines[:4] == [
        "  urgent  Anyone on the internet can reach this router's sign-in page",
        "          192.168.1.1 (NETGEAR R7000)",
        "          do:   Sign in to the router and open Advanced > Advanced Setup > Remote Management.",
        '                Take the tick out of "Turn Remote Management On".',
    ]
    assert lines[-4:] == [
        "3 things to do today, 1 to plan. 2 things could not be looked at.",
        "  One device did not tell what it is, so we cannot say whether it is up to date: 192.168.1.77",
        "    (unknown device, network card by Apple)",
        "  192.168.1.31: it stopped answering after 3 requests and was left alone",
    ]


def test_what_is_only_worth_a_look_takes_no_other_finding_along() -> None:
    lock = Service(Endpoint("192.168.1.1", 48102), "unknown")
    router = office(replace(DRAYTEK, services=(*DRAYTEK.services, lock))).devices[0]
    alike = {finding.rule for finding in router.findings}
    assert {"compromise.lock-port", "exposure.ssh"} <= alike
    told = [{finding.rule for _, finding in task.findings} for task in digest.tasks(digest.places(office(router)))]
    assert {"compromise.lock-port"} in told


def test_a_clean_office_takes_one_line() -> None:
    assert text.summary(CLEAN, "en", colour=False) == (
        "Nothing needs doing. Each of the 2 devices that answered was checked.\n"
    )


def test_what_matters_comes_first_among_what_was_not_seen() -> None:
    lines = text.summary(INCOMPLETE, "en", colour=False, columns=120).splitlines()
    gaps = [line for line in lines if line.startswith("  ")]
    assert gaps[0] == "  192.168.1.1: every connection was refused"


def test_colour_comes_only_when_asked_for() -> None:
    assert "\x1b[31;1murgent\x1b[0m" in text.summary(FORWARDED, "en", colour=True)
    assert "\x1b" not in text.summary(FORWARDED, "en", colour=False)


@pytest.mark.parametrize("given", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_cannot_steer_the_terminal(given: str) -> None:
    office = hostile(given)
    device = replace(office.devices[0], hostname=given, identity=None)
    office = replace(office, devices=(device,), language="en")
    stream = io.BytesIO()
    report.write(office, "text", "en", stream)
    shown = stream.getvalue().decode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", shown)
    assert all(len(line) < 500 for line in shown.splitlines())


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", ["exposed", "forwarded", "compromised"])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(name: str, columns: int, language: str) -> None:
    office = offices(language)[name]
    shown = text.summary(office, language, colour=False, columns=columns)
    assert max(width_of(line) for line in shown.splitlines()) <= columns + (2 if language == "ja" else 0)
    first = digest.tasks(digest.places(office))[0]
    flat = "".join(shown.split())
    for wanted in (first.first.title, *first.steps(words(language))[:2]):
        assert "".join(wanted.split()) in flat


def test_an_item_has_two_steps_and_says_how_many_more_there_are() -> None:
    lines = text.summary(offices("en")["compromised"], "en", colour=False, columns=120).splitlines()
    assert lines[2].startswith("          do:   Keep the evidence first")
    assert lines[4].strip() == "Then unplug it from the internet."
    assert lines[5].strip() == "then 4 more steps, in the report"


def test_a_word_longer_than_a_line_is_cut_and_not_lost() -> None:
    lines = list(text._wrapped("a" * 100 + " b", 30, "- ", "  "))
    assert [len(line) for line in lines] == [30, 30, 30, 20]
    assert "".join(line[2:] for line in lines) == "a" * 100 + " b"
