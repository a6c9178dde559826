"""The SARIF log holds to the parts of 2.1.0 that code-scanning pages read."""

import io
import json
from typing import Any

from sohoaudit import report
from tests.report.offices import FORWARDED, INCOMPLETE, hostile


def run_of(office: object) -> dict[str, Any]:
    stream = io.BytesIO()
    report.write(office, "sarif", "en", stream)  # type: ignore[arg-type]
    log = json.loads(stream.getvalue())
    assert log["version"] == "2.1.0" and len(log["runs"]) == 1
    run: dict[str, Any] = log["runs"][0]
    return run


def test_every_result_names_a_rule_that_is_listed_and_a_place() -> None:
    run = run_of(FORWARDED)
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == 5
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
    camera = next(r for r in run["results"] if r["partialFingerprints"] == {"sohoauditFindingId/v1": "fin-cam001"})
    place = camera["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "hosts/203.0.113.7/tcp/8080"
    assert place["logicalLocations"] == [{"fullyQualifiedName": "203.0.113.7:8080", "kind": "resource"}]


def test_an_incomplete_audit_is_an_unsuccessful_execution_with_its_reasons() -> None:
    invocation = run_of(INCOMPLETE)["invocations"][0]
    assert invocation["executionSuccessful"] is False
    assert "every connection was refused" in str(invocation["toolExecutionNotifications"])
    assert invocation["startTimeUtc"] == "2026-11-23T00:02:00Z"


def test_an_office_without_findings_is_still_a_whole_log() -> None:
    assert run_of(INCOMPLETE)["results"] == []


def test_hostile_text_makes_a_relative_address_all_the_same() -> None:
    result = run_of(hostile('../../"><x>'))["results"][0]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "hosts/203.0.113.7/tcp/8443"
