"""A month of an office, audited four times over real sockets: what cron prints, and what the history knows after."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def weeks(request: pytest.FixtureRequest) -> list[str]:
    words = [f"{request.getfixturevalue('server')}/postgres"] if request.param == "postgresql" else []
    done = subprocess.run(
        [sys.executable, "-m", "tests.history.month", *words], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.split("\n\n")


def test_the_first_week_is_told_as_the_first(weeks: list[str]) -> None:
    assert "first audit of 192.168.50.0/24: 6 devices" in weeks[0]
    assert weeks[0].endswith("(exit 1)")


def test_a_new_address_of_the_camera_is_no_news(weeks: list[str]) -> None:
    assert weeks[1].endswith("--changes\n(nothing)\n(exit 0)")


def test_new_firmware_fixes_its_finding_and_a_new_mapping_is_told(weeks: list[str]) -> None:
    told = weeks[2].splitlines()
    assert "3 changes" in told[2]
    assert told[3].startswith("new     medium  fin-")
    assert "192.168.50.30 (HP OfficeJet Pro 8710): The router leads visitors" in told[3]
    assert told[4].startswith("fixed   medium  fin-")
    assert told[5].endswith("5.1.2.2533 build 20230926 -> 5.2.7.3297 build 20251024")


def test_the_mapping_that_was_removed_is_fixed(weeks: list[str]) -> None:
    (told,) = [line for line in weeks[3].splitlines() if line.startswith("fixed")]
    assert "192.168.50.30 (HP OfficeJet Pro 8710): The router leads visitors" in told


def test_the_whole_month_differs_by_what_lasted(weeks: list[str]) -> None:
    kinds = [line.split()[:2] for line in weeks[4].splitlines()[2:]]
    assert kinds == [["fixed", "medium"], ["changed", "firmware"], ["changed", "address"]]


def test_every_open_finding_is_verified_as_still_there_and_the_history_is_sound(weeks: list[str]) -> None:
    outcomes = [line.partition(":")[0] for line in weeks[6].splitlines()[1:] if line[0] != " "]
    assert len(outcomes) >= 8
    assert set(outcomes) == {"still there"}
    assert weeks[7].startswith("history check: sound")
