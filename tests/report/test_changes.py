"""What changed is told in words: on the terminal, in a mail, in the report and on a page of its own."""

import io
import re
from dataclasses import replace

import pytest

from sohoaudit import report
from sohoaudit.history.change import compare
from sohoaudit.model import Audit, Endpoint, Gap, Priority, Service
from sohoaudit.report import html
from sohoaudit.report.content import telling
from sohoaudit.report.content.widths import columns
from sohoaudit.report.content.words import words
from tests.history.offices import audit, camera, finding, router
from tests.report.offices import FORWARDED, HOSTILE, hostile


def _month() -> tuple[Audit, Audit]:
    """Two audits between which everything happened that can happen."""
    door = Service(Endpoint("192.168.1.1", 2222), "ssh")
    before = router(
        services=(*router().services, door), findings=(finding("old", "exposure.http"), finding("worse", "tls.old"))
    )
    after = router(
        "192.168.1.2", firmware="2.0",
        services=(*router("192.168.1.2").services, replace(door, endpoint=Endpoint("192.168.1.2", 2022))),
        findings=(
            finding("worse", "tls.old", Priority.URGENT), finding("new", "dns.open"), finding("back", "auth.none"),
        ),
    )  # fmt: skip
    refused = Gap("probe", "192.168.1.2", "it stopped answering", code="left-alone", detail="3")
    fresh = camera("192.168.1.40", is_mapped=True, id="dev-fresh")
    unseen = replace(camera("192.168.1.50"), id="dev-unseen")
    named = camera("192.168.1.60", id="dev-named")
    mapped = camera("192.168.1.70", is_mapped=True, id="dev-mapped")
    office = audit(before, unseen, replace(named, identity=None), mapped)
    later = audit(after, fresh, named, replace(mapped, exposures=(), findings=()), day=7)
    return office, replace(later, coverage=(replace(refused, subject="192.168.1.60"),))


MONTH = _month()
DIFFERENCE = compare(*MONTH, fixed_before={"fin-back"})


def test_the_month_holds_every_kind_of_change() -> None:
    assert {change.what.value for change in DIFFERENCE.changes} == {"new", "back", "changed", "gone", "unseen"}
    assert len({change.kind for change in DIFFERENCE.changes}) == 6


def test_japanese_lines_have_no_english_word_of_ours_and_stand_in_columns() -> None:
    difference = compare(*(report.told_in(each, "ja") for each in MONTH), fixed_before={"fin-back"})
    lines = telling.lines(difference, words("ja"))
    assert lines[0].startswith("192.168.1.0/24：2026-11-02 02:00 UTCからの変化が")
    ours = r"\b(new|back|changed|gone|unseen|fixed|finding|exposure|firmware|device|service|urgent|high)\b"
    assert [line for line in lines[1:] if re.search(ours, re.sub(r"title of \S+|fin-\w+", "", line))] == []
    places = {columns(line[: line.index("192.168.")]) for line in lines[1:]}
    assert places == {32}


def test_english_lines_name_what_happened_the_finding_and_the_device() -> None:
    lines = telling.lines(DIFFERENCE, words("en"))
    assert "changed urgent  fin-worse       192.168.1.2 (Acme R1): title of tls.old (high -> urgent)" in lines
    assert "fixed   high    fin-old         192.168.1.2 (Acme R1): title of exposure.http" in lines
    assert "unseen          device          192.168.1.50 (Other C2) (it did not answer)" in lines


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_has_a_section_of_it_that_leads_to_the_devices(language: str) -> None:
    stream = io.BytesIO()
    html.write(replace(MONTH[1], language=language), language, stream, since=DIFFERENCE)
    page = stream.getvalue().decode()
    section = page[page.index('<section id="changes"') : page.index('<section id="fine"')]
    assert '<a href="#changes">' in page
    assert section.count("<tr>") == len(DIFFERENCE.changes) + 1
    assert 'href="#device-1"' in section
    assert words(language)("changes.fixed") + words(language)("page.colon") in section


def test_without_an_audit_before_the_report_has_no_such_section() -> None:
    stream = io.BytesIO()
    report.write(FORWARDED, "html", "en", stream)
    assert "#changes" not in stream.getvalue().decode()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_escaped_on_the_page_and_on_one_line(text: str) -> None:
    office = hostile(text)
    difference = compare(replace(office, devices=()), office)
    page = html.changes_page(difference, "en")
    assert not re.search(r"<(script|img|x)\b", page)
    assert len(page) < 60_000
    for line in telling.lines(difference, words("en")):
        assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", line)
        assert len(line) <= 200
