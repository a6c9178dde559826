"""Tests of the units: each is read by the program it is for, and carries its arguments unharmed."""

import os
import plistlib
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from sohoaudit.schedule import Schedule, ScheduleError, cron, duration_s, installed, launchd, moment, systemd

HARD = ("192.168.1.0/24", "--authorized", 'Ms "Sato" 100% sure; $HOME \\o/', "--client", "acme")
NIGHTLY = Schedule((shutil.which("true") or "/bin/true",), HARD, time(2, 30), jitter_s=600, user="root")


def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("systemd is not installed here: apt-get install systemd")
    for weekday in (None, "sunday"):
        plan = Schedule(NIGHTLY.command, HARD, time(2, 30), weekday, 600, "root")
        for name, text in systemd(plan).items():
            (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", *(str(path) for path in tmp_path.iterdir())],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        ours = [line for line in done.stderr.splitlines() if "sohoaudit" in line]
        assert ours == []
    calendar = next(line for line in systemd(NIGHTLY)["sohoaudit.timer"].splitlines() if "OnCalendar" in line)
    subprocess.run(["systemd-analyze", "calendar", calendar.partition("=")[2]], check=True, capture_output=True)


def test_cron_gives_the_shell_the_arguments_as_they_were() -> None:
    minute, hour, day, month, weekday, command = cron(NIGHTLY).rstrip("\n").split(" ", 5)
    assert (minute, hour, day, month, weekday) == ("30", "2", "*", "*", "*")
    # crontab(5): an unescaped % ends the command; an escaped one is given on without its backslash.
    words = shlex.split(command.replace(r"\%", "%"))
    assert words[1:5] == ["scan", "--yes", "--quiet", "--changes"]
    assert tuple(words[5:-2]) == HARD
    assert "%" not in command.replace(r"\%", "")


def test_launchd_gets_a_property_list() -> None:
    read = plistlib.loads(launchd(Schedule(NIGHTLY.command, HARD, time(2, 30), "sunday")).encode())
    assert read["StartCalendarInterval"] == {"Hour": 2, "Minute": 30, "Weekday": 0}
    assert tuple(read["ProgramArguments"][5:]) == HARD


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7_200), ("1d", 86_400), ("5", 5)])
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5 weeks", "1.5h", "99999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match="write it as 90s, 10m, 2h or 1d"):
        duration_s(text)


def test_what_is_no_time_of_day_is_refused() -> None:
    with pytest.raises(ScheduleError, match="write it as 02:00"):
        moment("noon")


def test_what_is_installed_is_found_and_its_faults_are_named(tmp_path: Path) -> None:
    for name, text in systemd(NIGHTLY).items():
        (tmp_path / name).write_text(text)
    assert [(unit.file.name, unit.fault) for unit in installed([tmp_path])] == [("sohoaudit.service", "")]
    (tmp_path / "sohoaudit.timer").unlink()
    (tmp_path / "org.sohoaudit.plist").write_text(launchd(replace(NIGHTLY, command=("/gone/sohoaudit",))))
    (tmp_path / "sohoaudit").write_text(f"0 2 * * * root {NIGHTLY.command[0]} scan\n")
    assert {unit.file.name: unit.fault for unit in installed([tmp_path])} == {
        "sohoaudit.service": "its timer is missing",
        "org.sohoaudit.plist": "its program /gone/sohoaudit is not there",
        "sohoaudit": "",
    }
