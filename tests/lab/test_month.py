"""A month of a lab office, audited by the command from cron: what it prints, and what the history knows after."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import _standing
from .lab import Lab
from .month import MOVED_TO, month

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def office() -> Iterator[Lab]:
    yield from _standing("month")


@pytest.fixture(scope="module")
def parts(office: Lab, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("month")
    told = list(month(office, folder, str(folder / "history.db")))
    print(*told, sep="\n\n")
    assert len(told) == 14
    return [*told, (folder / "report.html").read_text(encoding="utf-8")]


def rows(part: str) -> list[str]:
    """The lines that a command printed, without the two that name it and its exit code."""
    lines = part.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("$ "))
    return lines[start + 1 : -1]


def test_the_first_audit_is_told_as_the_first(parts: list[str]) -> None:
    assert rows(parts[0])[0].startswith("first audit of 192.168.77.0/24: ")


def test_a_new_address_from_the_router_is_no_news(parts: list[str]) -> None:
    assert rows(parts[1]) == ["(nothing)"]
    assert parts[1].endswith("(exit 0)")


def test_new_firmware_fixes_its_holes_and_a_new_door_is_told(parts: list[str]) -> None:
    head, *told = rows(parts[2])
    assert head.startswith("4 changes in 192.168.77.0/24 since ")
    assert [line.split()[:2] for line in told] == [
        ["new", "high"], ["fixed", "high"], ["fixed", "medium"], ["changed", "firmware"],
    ]  # fmt: skip
    assert "192.168.77.10 (Synology DS220+): The router leads anyone on the internet" in told[0]
    assert told[3].endswith("V1.0.4.30_1.1.67 -> V1.0.11.216_10.2.122")


def test_a_door_that_was_closed_is_fixed(parts: list[str]) -> None:
    (told,) = rows(parts[3])[1:]
    assert told.startswith("fixed   high")
    assert "192.168.77.10 (Synology DS220+): The router leads anyone on the internet" in told


def test_the_history_lists_four_weeks_and_what_became_of_each_finding(parts: list[str]) -> None:
    assert [line.split()[0] for line in rows(parts[4])] == ["4", "3", "2", "1"]
    assert sum(", fixed 20" in line for line in rows(parts[7])) == 3


@pytest.mark.parametrize(
    ("part", "fixed", "moved"), [(5, "fixed", "address"), (6, "解決", "アドレス")], ids=["en", "ja"]
)
def test_the_whole_month_differs_by_what_lasted(parts: list[str], part: int, fixed: str, moved: str) -> None:
    told = rows(parts[part])[1:]
    assert len(told) == 4
    assert sum(line.startswith(fixed) for line in told) == 2
    assert moved in told[3]
    assert told[3].endswith(f"192.168.77.30 -> {MOVED_TO}")


def test_what_is_open_is_verified_as_still_there(parts: list[str]) -> None:
    outcomes = {line.partition(":")[0] for line in rows(parts[8]) if not line.startswith(" ")}
    assert outcomes == {"still there"}
    assert parts[8].endswith("(exit 1)")


def test_an_accepted_risk_wakes_nobody_and_the_report_lists_it(parts: list[str]) -> None:
    assert "is accepted until 2027-06-30" in parts[9]
    assert rows(parts[10]) == ["(nothing)"]
    section = parts[14].partition('id="accepted"')[2].partition("</section>")[0]
    assert "A. Sato" in section
    assert "Nothing changed since the audit of" in parts[14]


def test_a_box_that_was_unplugged_is_not_called_fixed(parts: list[str]) -> None:
    assert rows(parts[11]) == ["(nothing)"]
    told = [line for line in rows(parts[12]) if MOVED_TO in line]
    assert told != []
    assert {line.split()[0] for line in told} == {"unseen"}


def test_the_history_is_sound(parts: list[str]) -> None:
    assert ": sound, " in parts[13].replace(os.sep, "/")
    assert parts[13].endswith("(exit 0)")
    assert Path(rows(parts[13])[0].partition(":")[0]).exists()
