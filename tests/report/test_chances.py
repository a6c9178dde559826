"""How likely and how bad a hole is stands beside it, and changes neither its priority nor its order."""

import csv
import io
import json
from dataclasses import replace

import pytest

from sohoaudit import report
from sohoaudit.report.content import reasons
from sohoaudit.report.content.words import words
from tests.report.offices import ACCEPTED, finding


def written(format: str, language: str = "en") -> str:
    stream = io.BytesIO()
    report.write(ACCEPTED, format, language, stream)
    return stream.getvalue().decode("utf-8-sig")


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Chance of use within 30 days (EPSS by FIRST, 2026-11-22)"), ("ja", "30日以内に悪用される確率")],
)
def test_the_card_says_the_chance_with_its_source_and_day(language: str, said: str) -> None:
    page = written("html", language)
    assert said in page
    assert "94%" in page.partition(said)[2][:200]


def test_the_formats_that_have_a_place_for_a_score_carry_it() -> None:
    assert json.loads(written("defectdojo"))["findings"][0]["epss_score"] == 0.94321
    assert json.loads(written("ocsf"))["vulnerabilities"][0]["cve"]["epss"] == {"score": "0.94321"}
    (row,) = csv.DictReader(io.StringIO(written("csv"), newline=""))
    assert row["epss"] == "0.94321"


def test_the_likeliest_comes_first_and_what_is_no_score_is_passed_over() -> None:
    facts = {"epss.CVE-2026-1001": "0.002", "epss.CVE-2026-1002": "0.5", "epss.CVE-2026-1003": "<b>", "epss_day": "x"}
    told = finding("firmware.vulnerable", cves=("CVE-2026-1001", "CVE-2026-1002", "CVE-2026-1003"), facts=facts)
    assert reasons.chances(told, words("en")) == "CVE-2026-1002: 50%, CVE-2026-1001: 0.2%"
    assert reasons.severities(told, words("en")) == ""
    assert reasons.highest_chance(told) == "0.5"


@pytest.mark.parametrize(
    ("answers", "band"),
    [
        ({}, "3 days or 14 days or 60 days"),
        ({"automatable.CVE-2026-1001": "yes", "total.CVE-2026-1001": "yes"}, "3 days."),
        ({"automatable.CVE-2026-1001": "no", "total.CVE-2026-1001": "no"}, "3 days or 14 days or 60 days"),
        ({f"{name}.CVE-2026-100{n}": "no" for name in ("automatable", "total") for n in (1, 2)}, "60 days."),
    ],
    ids=["nobody says", "yes of one", "no of one, open of the other", "no of both"],
)
def test_the_answers_of_cisa_narrow_the_time_of_its_directive(answers: dict[str, str], band: str) -> None:
    told = replace(
        finding("firmware.vulnerable", cves=("CVE-2026-1001", "CVE-2026-1002"), facts=answers),
        because=("internet", "vulnerable"),
    )
    assert reasons.pace(told, words("en")).startswith(band)
