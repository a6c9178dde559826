"""An audit survives the way to JSON and back, and a file that is no audit is told apart in one line."""

import copy
import ipaddress
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit import document
from sohoaudit.model import (
    Acceptance,
    Audit,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Gap,
    Identity,
    Join,
    Match,
    Observation,
    Priority,
    Scope,
    Service,
    Transport,
    Vantage,
)
from tests.report.offices import EXPOSED, FORWARDED, INCOMPLETE, OFFICES, hostile

VALIDATOR = jsonschema.Draft202012Validator(document.schema())

texts = st.text(max_size=12)
maybe = st.none() | texts
some = st.lists(texts, max_size=2).map(tuple)
addresses = st.ip_addresses().map(str)
endpoints = st.builds(Endpoint, addresses, st.integers(0, 65_535), st.sampled_from(Transport))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=offsets)
mappings = st.dictionaries(texts, texts, max_size=2)
matches = st.builds(Match, texts, texts, st.sampled_from(Certainty), texts, texts, texts)
identities = st.builds(
    Identity, maybe, maybe, maybe, maybe, maybe, maybe,
    certainty=st.dictionaries(texts, st.sampled_from(Certainty), max_size=2),
    evidence=st.lists(matches, max_size=2).map(tuple),
    partial=st.booleans(), fork=maybe, traits=st.frozensets(texts, max_size=2),
)  # fmt: skip
findings = st.builds(
    Finding, id=texts, rule=texts, priority=st.sampled_from(Priority), title=texts, summary=texts, evidence=some,
    remedy=some, verify=texts, references=some, cves=some, controls=some, first_seen=st.none() | times, facts=mappings,
    because=st.tuples(texts, texts), endpoint=st.none() | endpoints,
    accepted=st.none() | st.builds(Acceptance, texts, st.dates(), texts, st.sampled_from(Priority)),
)  # fmt: skip
exposures = st.builds(
    Exposure, endpoints, texts, st.sampled_from(Vantage), st.sampled_from(Evidence), st.booleans(), maybe, texts
)
observations = st.builds(Observation, endpoints, mappings, probe=texts, vantage=st.sampled_from(Vantage), time=times)
devices = st.builds(
    Device, id=texts, addresses=st.lists(addresses, max_size=2).map(tuple), mac=maybe, hostname=maybe,
    identity=st.none() | identities,
    services=st.lists(st.builds(Service, endpoints, texts, maybe, maybe, st.booleans()), max_size=2).map(tuple),
    exposures=st.lists(exposures, max_size=2).map(tuple), findings=st.lists(findings, max_size=2).map(tuple), keys=some,
    observations=st.lists(observations, max_size=2).map(tuple),
    joins=st.lists(st.builds(Join, st.tuples(addresses, addresses), texts), max_size=1).map(tuple),
)  # fmt: skip
networks = st.lists(st.ip_addresses().map(lambda ip: ipaddress.ip_network(ip)), max_size=2).map(tuple)
audits = st.builds(
    Audit,
    scope=st.builds(Scope, networks, networks, st.sampled_from(Vantage), maybe, some),
    started=times, ended=times, devices=st.lists(devices, max_size=2).map(tuple),
    coverage=st.lists(st.builds(Gap, texts, texts, texts, texts, st.booleans()), max_size=2).map(tuple),
    knowledge=mappings, settings=mappings, language=st.sampled_from(["en", "ja"]), is_demo=st.booleans(),
    is_complete=st.booleans(),
)  # fmt: skip


@settings(max_examples=150)
@given(audits)
def test_every_audit_comes_back_from_json_as_it_was_and_fits_the_schema(audit: Audit) -> None:
    text = json.dumps(document.to_document(audit))
    VALIDATOR.validate(json.loads(text))
    assert document.parse(text.encode()) == audit


@pytest.mark.parametrize("name", OFFICES)
def test_every_office_fits_the_schema(name: str) -> None:
    VALIDATOR.validate(document.to_document(OFFICES[name]))


def test_the_schema_is_itself_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(document.schema())


def test_the_schema_refuses_a_priority_that_is_none() -> None:
    broken = document.to_document(EXPOSED)
    broken["devices"][0]["findings"][0]["priority"] = "critical"
    assert [error.json_path for error in VALIDATOR.iter_errors(broken)] == ["$.devices[0].findings[0].priority"]


def test_a_field_of_a_later_version_is_passed_over() -> None:
    grown = document.to_document(EXPOSED)
    grown["weather"] = grown["devices"][0]["colour"] = "fine"
    VALIDATOR.validate(grown)
    assert document.from_document(grown) == EXPOSED


def test_the_summary_counts_what_decides_the_exit_code() -> None:
    assert document.to_document(FORWARDED)["summary"] == {
        "priorities": {"urgent": 3, "high": 0, "medium": 1, "low": 1},
        "worst": "urgent",
        "findings": 5,
        "devices": 4,
        "not_looked_at": 1,
        "incomplete": False,
    }
    assert document.to_document(INCOMPLETE)["summary"]["incomplete"] is True


def test_a_time_without_zone_is_written_as_utc() -> None:
    naive = Audit(Scope(()), datetime(2026, 1, 2, 3, 4), datetime(2026, 1, 2, 3, 5))
    assert document.to_document(naive)["started"] == "2026-01-02T03:04:00+00:00"
    assert document.from_document(document.to_document(naive)).started == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _with(path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document.to_document(EXPOSED))
    *way, last = path.split(".")
    place: Any = changed
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([], "this is not an audit"),
        ({"devices": []}, "this is not an audit"),
        (_with("schema_version", 2), "written by a newer sohoaudit (schema 2): update this one"),
        (_with("schema_version", "1"), 'schema_version is "1"'),
        (_with("schema_version", True), "schema_version is true"),
        (_with("devices", ...), "devices is missing"),
        (_with("devices", {}), "devices is {}: it must be a list of objects"),
        (_with("devices.0.id", ...), "devices[0].id is missing"),
        (_with("devices.0.addresses", ["10.0.0.300"]), 'devices[0].addresses is ["10.0.0.300"]'),
        (_with("devices.0.services.0.port", 65_536), "devices[0].services[0].port is 65536: it must be a port"),
        (_with("devices.0.exposures.0.address", "router"), "devices[0].exposures[0].address"),
        (_with("devices.0.findings.1.priority", "critical"), "one of urgent, high, medium, low"),
        (_with("devices.0.identity.certainty", {"model": "sure"}), "devices[0].identity.certainty.model"),
        (_with("started", "yesterday"), "started is"),
        (_with("started", "2026-11-23T09:02:00"), "a time with its offset"),
        (_with("scope.networks", ["192.168.1.1/24"]), "scope.networks is"),
        (_with("knowledge", {"kev": 1}), "knowledge is"),
    ],
)  # fmt: skip
def test_what_is_no_audit_is_told_in_one_line_that_names_the_field(changed: Any, said: str) -> None:
    with pytest.raises(document.DocumentError) as fault:
        document.from_document(changed)
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"<html>"], ids=lambda raw: raw[:8].decode("latin-1")
)
def test_what_is_no_json_is_told_as_such(raw: bytes) -> None:
    with pytest.raises(document.DocumentError, match="this is not JSON"):
        document.parse(raw)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda s: st.lists(s) | st.dictionaries(texts, s))
)
def test_no_json_value_at_all_raises_anything_else(value: Any) -> None:
    document_like = {**document.to_document(EXPOSED), "devices": value}
    try:
        document.from_document(document_like)
    except document.DocumentError as fault:
        assert "\n" not in str(fault)


def test_hostile_text_comes_back_unchanged() -> None:
    audit = hostile("\u202e<script>\x1b[0m" + "x" * 5_000)
    assert document.from_document(json.loads(json.dumps(document.to_document(audit)))) == audit
