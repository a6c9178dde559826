"""Every event fits the schema of its OCSF class."""

import io
import json
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from sohoaudit import report
from tests.report.offices import COMPROMISED, FORWARDED, HOSTILE, QUIET, hostile

SCHEMAS = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0"))
CLASSES = {2002: "vulnerability_finding", 2004: "detection_finding"}


def events(office: object) -> list[dict[str, Any]]:
    stream = io.BytesIO()
    report.write(office, "ocsf", "en", stream)  # type: ignore[arg-type]
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture(scope="module")
def validators() -> dict[int, jsonschema.Draft202012Validator]:
    return {uid: jsonschema.Draft202012Validator(SCHEMAS.get_class_schema(name)) for uid, name in CLASSES.items()}


@pytest.mark.parametrize("office", [FORWARDED, COMPROMISED, QUIET, *map(hostile, HOSTILE[:6])])
def test_every_event_fits_its_class(validators: dict[int, jsonschema.Draft202012Validator], office: object) -> None:
    found = events(office)
    assert found
    for event in found:
        faults = [(error.json_path, error.message) for error in validators[event["class_uid"]].iter_errors(event)]
        assert faults == []


def test_firmware_is_a_vulnerability_and_the_rest_a_detection() -> None:
    classes = {event["finding_info"]["types"][0]: event["class_uid"] for event in events(FORWARDED)}
    assert classes == {
        "firmware.end-of-life": 2002,
        "firmware.known-exploited": 2002,
        "exposure.https": 2004,
        "upnp.port-mapping": 2004,
        "tls.old-version": 2004,
    }


def test_the_schema_does_refuse(validators: dict[int, jsonschema.Draft202012Validator]) -> None:
    event = events(FORWARDED)[0]
    del event["finding_info"]
    assert list(validators[event["class_uid"]].iter_errors(event))
