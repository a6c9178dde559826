"""A risk that somebody accepted has a place of its own in every format, and is nothing to do."""

import csv
import io
import json
from typing import Any

import pytest

from sohoaudit import report
from sohoaudit.report.content import digest
from sohoaudit.report.content.redact import redacted
from tests.report.offices import ACCEPTED, FORWARDED

DECISION = "accepted by A. Sato until 2027-01-31: replaced in January (it would be urgent)"


def written(format: str, language: str = "en", office: object = ACCEPTED) -> str:
    stream = io.BytesIO()
    report.write(office, format, language, stream)  # type: ignore[arg-type]
    return stream.getvalue().decode("utf-8-sig")


@pytest.mark.parametrize(
    ("language", "heading", "parts"),
    [
        ("en", "Risks that somebody accepted", ("A. Sato", "31 January 2027", "replaced in January", "Urgent")),
        ("ja", "期限付きで受け入れたリスク", ("A. Sato", "2027年1月31日", "replaced in January", "緊急")),
    ],
    ids=["en", "ja"],
)
def test_html_and_markdown_say_who_until_when_why_and_how_pressing_it_would_be(
    language: str, heading: str, parts: tuple[str, ...]
) -> None:
    for format in ("html", "markdown"):
        (section,) = written(format, language).split(heading)[-1:]
        assert [part for part in parts if part not in section] == [], format


def test_the_terminal_tells_it_below_the_things_to_do() -> None:
    shown = written("text")
    told = "Accepted by A. Sato until 31 January 2027, because: replaced in January. Otherwise it would be: Urgent."
    assert told in " ".join(shown.split())
    assert "Nothing needs doing. Each of the 2 devices that answered was checked. 1 risk is accepted" in shown


def test_it_is_no_task_and_its_device_is_not_called_fine() -> None:
    places = digest.places(ACCEPTED)
    assert digest.tasks(places) == []
    assert [place.device.id for place in digest.fine(ACCEPTED, places)] == ["dev-nas"]


def test_what_programs_read_marks_it_as_their_format_does() -> None:
    sarif = json.loads(written("sarif"))["runs"][0]["results"]
    assert [result["suppressions"] for result in sarif] == [
        [{"kind": "external", "status": "accepted", "justification": DECISION}]
    ]
    (ticket,) = json.loads(written("defectdojo"))["findings"]
    assert (ticket["risk_accepted"], ticket["active"], ticket["severity_justification"]) == (True, False, DECISION)
    event = json.loads(written("ocsf"))
    assert (event["status_id"], event["comment"]) == (3, DECISION)
    line = json.loads(written("jsonl"))["finding"]["accepted"]
    assert line == {"by": "A. Sato", "until": "2027-01-31", "because": "replaced in January", "priority": "urgent"}
    (row,) = csv.DictReader(io.StringIO(written("csv"), newline=""))
    assert [row[f"accepted_{name}"] for name in line] == list(line.values())


def test_where_nothing_is_accepted_no_format_says_so() -> None:
    results: list[dict[str, Any]] = json.loads(written("sarif", office=FORWARDED))["runs"][0]["results"]
    assert {json.dumps(result["suppressions"]) for result in results} == {"[]"}
    assert "accepted" not in written("html", office=FORWARDED)
    assert {ticket["active"] for ticket in json.loads(written("defectdojo", office=FORWARDED))["findings"]} == {True}


def test_for_sharing_the_name_is_left_out() -> None:
    assert "Sato" not in written("html", office=redacted(ACCEPTED, b"k" * 32)).replace("Ms Sato", "")
