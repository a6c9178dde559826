"""The JSON file and the JSON lines say the same as the document."""

import io
import json

import pytest

from sohoaudit import document, report
from sohoaudit.model import Audit
from tests.report.offices import FORWARDED, OFFICES


def written(office: Audit, format: str) -> bytes:
    stream = io.BytesIO()
    report.write(office, format, "en", stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", OFFICES)
def test_the_file_is_the_document(name: str) -> None:
    assert json.loads(written(OFFICES[name], "json")) == document.to_document(OFFICES[name])


def test_a_lone_surrogate_from_the_command_line_is_valid_json_all_the_same() -> None:
    odd = Audit(FORWARDED.scope.__class__((), targets=("\udcff",)), FORWARDED.started, FORWARDED.ended)
    assert json.loads(written(odd, "json").decode("utf-8"))["scope"]["targets"] == ["\udcff"]


def test_each_line_is_one_finding_with_its_device_most_pressing_first() -> None:
    events = [json.loads(line) for line in written(FORWARDED, "jsonl").splitlines()]
    assert [event["finding"]["priority"] for event in events] == ["urgent", "urgent", "urgent", "medium", "low"]
    assert all(event["device"]["id"] and event["time"] == "2026-11-23T09:04:00+09:00" for event in events)
