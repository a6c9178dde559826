"""Tests of accepted risks: they count until their day is over, stay in the report, and wake nobody."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from sohoaudit.audit import exit_code
from sohoaudit.history import HistoryError
from sohoaudit.history.accepted import Accepted, add, applied, read
from sohoaudit.model import Acceptance, Priority

from .offices import audit, camera

TODAY = date(2026, 11, 24)
TAKEN = Accepted("fin-map", date(2026, 12, 31), 'replaced in January: #42 "soon"', "A. Sato", "a title", "2026-11-24")


def test_what_is_written_is_read_again_and_what_people_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    add(path, TAKEN)
    path.write_text(path.read_text() + "  # agreed with the landlord\n")
    other = replace(TAKEN, finding="fin-eol")
    add(path, other)
    assert read(path) == (TAKEN, other)
    assert "# agreed with the landlord" in path.read_text()


def test_an_accepted_finding_stays_in_the_report_and_never_counts() -> None:
    seen = audit(camera(is_mapped=True))
    taken = applied(seen, [TAKEN], TODAY)
    ((_, finding),) = taken.findings
    assert finding.accepted == Acceptance(TAKEN.by, TAKEN.until, TAKEN.because, Priority.URGENT)
    assert finding.priority is Priority.LOW
    assert exit_code(seen, Priority.URGENT) == 1
    assert [exit_code(taken, priority) for priority in Priority] == [0, 0, 0, 0]


def test_on_its_last_day_it_counts_and_on_the_next_it_returns() -> None:
    seen = audit(camera(is_mapped=True))
    assert applied(seen, [TAKEN], TAKEN.until) != seen
    assert applied(seen, [TAKEN], date(2027, 1, 1)) == seen


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accepted:\n  - finding: fin-1\n    untill: 2027-01-01\n", "3: 'untill' is not known (did you mean 'until'?)"),
        ("accepted:\n  - finding: fin-1\n    until: soon\n    because: x\n    by: y\n", "3: 'soon' is no day"),
        ("accepted:\n  - finding: fin-1\n    until: 2027-01-01\n    by: y\n", "2: this entry has no 'because'"),
        ("accepted:\n  - fin-1\n", "2: an entry with finding, until, because, by is expected"),
        ("- fin-1\n", "1: a list under 'accepted:' is expected"),
        ("accepted:\n\t- x\n", "2: this is not YAML"),
    ],
    ids=["unknown key", "no day", "no reason", "no mapping", "no head", "a tab"],
)
def test_a_wrong_entry_is_named_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(text)
    with pytest.raises(HistoryError) as fault:
        read(path)
    assert f"{path}:{said}" in str(fault.value)


def test_accepting_twice_until_the_same_day_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    add(path, TAKEN)
    with pytest.raises(HistoryError, match="is accepted until then already"):
        add(path, TAKEN)
    add(path, replace(TAKEN, until=date(2027, 6, 1)))
    assert len(read(path)) == 2
