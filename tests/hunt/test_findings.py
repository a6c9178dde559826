"""Hits under the nouns of an audit, for every report format."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sohoaudit import document
from sohoaudit.hunt.findings import audit_of
from sohoaudit.hunt.rules import load
from sohoaudit.hunt.run import Coverage, Request, hunt
from sohoaudit.knowledge import guidance
from sohoaudit.knowledge.hunts import words
from sohoaudit.model import Audit, Priority

from .evtx_writer import sysmon, write
from .test_hunts import CMD, NETSH, WMI, WMIEXEC

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def audit(folder: Path, language: str = "en", adds: int = 1, name: str = "a.evtx") -> Audit:
    records = [
        sysmon(1, Image=NETSH, ParentImage=CMD, CommandLine=f"netsh interface portproxy add v4tov4 listenport={n}")
        for n in range(adds)
    ]
    records.append(sysmon(1, Image=CMD, ParentImage=WMI, CommandLine=WMIEXEC, computer="WS2"))
    coverage = Coverage()
    hits = list(hunt(Request((write(folder / name, records),), load(["volt"])), coverage))
    return audit_of(hits, coverage, words(language), language, NOW)


def test_a_computer_is_a_device_and_a_hunt_a_finding(tmp_path: Path) -> None:
    made = audit(tmp_path, adds=30)
    assert [(device.hostname, [finding.rule for finding in device.findings]) for device in made.devices] == [
        ("WS1.office.example", ["compromise.netsh-portproxy"]), ("WS2", ["compromise.impacket-wmiexec"]),
    ]  # fmt: skip
    finding = made.devices[0].findings[0]
    assert finding.priority is Priority.HIGH
    assert len(finding.evidence) == 21 and "10 more" in finding.evidence[-1]
    assert finding.remedy and finding.verify and finding.references
    assert made.devices[1].findings[0].priority is Priority.URGENT


def test_an_id_survives_new_files_texts_and_counts(tmp_path: Path) -> None:
    first, second = audit(tmp_path), audit(tmp_path, "ja", adds=3, name="other.evtx")
    assert [f.id for _, f in first.findings] == [f.id for _, f in second.findings]
    assert first.findings[0][1].title != second.findings[0][1].title


@pytest.mark.parametrize(("spoken", "wanted"), [("en", "ja"), ("ja", "en")])
def test_a_report_in_another_language_tells_the_hunts_in_it(tmp_path: Path, spoken: str, wanted: str) -> None:
    stored = document.from_document(document.to_document(audit(tmp_path, spoken)))
    native = audit(tmp_path, wanted)
    for (_, finding), (_, expected) in zip(stored.findings, native.findings, strict=True):
        again = guidance.reword(finding, wanted)
        assert (again.title, again.summary) == (expected.title, expected.summary)
        assert (again.remedy, again.verify) == (expected.remedy, expected.verify)
        assert again.evidence == finding.evidence


def test_a_hunt_of_the_users_own_keeps_its_title_in_every_language(tmp_path: Path) -> None:
    finding = audit(tmp_path).findings[0][1]
    own = replace(finding, rule="hunt.my-own", facts={**finding.facts, "title": "Our backup ran at noon"})
    assert guidance.reword(own, "ja").title == "Our backup ran at noon"
    broken = replace(own, facts={**own.facts, "reason": "of another version"})
    assert guidance.reword(broken, "ja") == broken


def test_a_hunt_that_could_not_look_is_in_coverage(tmp_path: Path) -> None:
    gaps = {gap.subject: gap for gap in audit(tmp_path).coverage}
    assert "no registry events" in gaps["portproxy-registry"].reason
    assert not gaps["portproxy-registry"].matters


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_place_in_a_text_stays_unfilled(tmp_path: Path, language: str) -> None:
    for _, finding in audit(tmp_path, language, adds=30).findings:
        for text in (finding.title, finding.summary, finding.verify, *finding.evidence, *finding.remedy):
            assert "{" not in text and text.strip()


def test_a_wrapper_and_its_child_are_one_act(tmp_path: Path) -> None:
    add = "netsh interface portproxy add v4tov4 listenport=1"
    records = [
        sysmon(1, Image=CMD, CommandLine=f"cmd /c {add}", ProcessGuid="{1}", ParentProcessGuid="{0}", ParentImage="x"),
        sysmon(1, Image=NETSH, CommandLine=add, ProcessGuid="{2}", ParentProcessGuid="{1}", ParentImage=CMD),
    ]
    coverage = Coverage()
    hits = list(hunt(Request((write(tmp_path / "a.evtx", records),), load(["volt"])), coverage))
    assert [hit.evidence.get("same act as") for hit in hits] == [None, "record 1"]
    finding = audit_of(hits, coverage, words("en"), "en", NOW).findings[0][1]
    assert "Found 1 time(s)" in finding.summary and len(finding.evidence) == 2
