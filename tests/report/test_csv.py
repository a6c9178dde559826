"""The table reads back row by row, and no cell of it runs."""

import csv
import io

import pytest

from sohoaudit import report
from sohoaudit.report.csv import COLUMNS
from tests.report.offices import FORWARDED, HOSTILE, OFFICES, hostile


def rows(office: object) -> list[dict[str, str]]:
    stream = io.BytesIO()
    report.write(office, "csv", "en", stream)  # type: ignore[arg-type]
    assert stream.getvalue().startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")))


def test_each_finding_is_a_row_with_its_device() -> None:
    table = rows(FORWARDED)
    assert len(table) == 5
    camera = next(row for row in table if row["finding_id"] == "fin-cam001")
    assert camera["model"] == "DS-2CD2042WD-I"
    assert camera["exposure_evidence"] == "mapped"
    assert camera["known_exploited"] == "yes"
    assert camera["remedy"].splitlines()[1] == "Update the camera's firmware."
    assert camera["evidence"].startswith("HTTP/1.1 401 Unauthorized\nServer: httpd")


def test_an_office_without_findings_is_a_header() -> None:
    stream = io.BytesIO()
    report.write(OFFICES["nobody"], "csv", "en", stream)
    assert stream.getvalue().decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize("text", [*HOSTILE, "+1", "-1", "@SUM(A1)", "\tx", "\n=1", "＝1"], ids=range(len(HOSTILE) + 6))
def test_no_cell_begins_as_a_formula(text: str) -> None:
    for row in rows(hostile(text)):
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
            assert len(cell) <= 8_001
