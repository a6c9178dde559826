"""Writes what runs an audit every night: systemd units, a crontab line, a launchd property list."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# An audit of a full /20 takes less; what runs longer hangs.
_LONGEST_H = 6


class ScheduleError(ValueError):
    """A time that is not understood: one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When and what: the command by whole path, its arguments, the time of day, a weekday or none, and who runs it."""

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    at: time
    weekday: str | None = None
    jitter_s: int = 0
    user: str | None = None
    name: str = "sohoaudit"

    @property
    def whole(self) -> tuple[str, ...]:
        """The command with what every unattended run needs."""
        return (*self.command, "scan", "--yes", "--quiet", "--changes", *self.arguments)


def duration_s(text: str) -> int:
    """Seconds of "90s", "10m", "2h" or "1d"; a bare number is seconds.

    Raises:
        ScheduleError: it is none of these.
    """
    match = re.fullmatch(r"(\d{1,6})\s*([smhd]?)", text.strip().lower())
    if match is None:
        raise ScheduleError(f"{text!r} is no time: write it as 90s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2] or "s"]


def moment(text: str) -> time:
    """The time of day of "02:00"; raises ScheduleError."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ScheduleError(f"{text!r} is no time of day: write it as 02:00") from None


def systemd(schedule: Schedule) -> dict[str, str]:
    """The text of the service and of the timer by file name, as systemd.service(5) and systemd.timer(5) have them."""
    day = f"{schedule.weekday[:3].capitalize()} " if schedule.weekday else ""
    user = f"User={schedule.user}\n" if schedule.user else ""
    service = f"""[Unit]
Description=Audit of this network by sohoaudit
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={" ".join(_systemd_word(word) for word in schedule.whole)}
{user}# 1 says that something needs doing, 3 that something could not be looked at: both are told, neither is a fault.
SuccessExitStatus=1 3
TimeoutStartSec={_LONGEST_H}h
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full
RestrictSUIDSGID=yes
"""
    timer = f"""[Unit]
Description=When sohoaudit audits this network

[Timer]
OnCalendar={day}*-*-* {schedule.at:%H:%M}:00
RandomizedDelaySec={schedule.jitter_s}
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"{schedule.name}.service": service, f"{schedule.name}.timer": timer}


def cron(schedule: Schedule) -> str:
    """A line for `crontab -e` (crontab(5): a bare % would end the command)."""
    jitter = ("--jitter", f"{schedule.jitter_s}s") if schedule.jitter_s else ()
    command = shlex.join((*schedule.whole, *jitter)).replace("%", r"\%")
    weekday = str((DAYS.index(schedule.weekday) + 1) % 7) if schedule.weekday else "*"
    return f"{schedule.at.minute} {schedule.at.hour} * * {weekday} {command}\n"


def launchd(schedule: Schedule) -> str:
    """A property list for ~/Library/LaunchAgents (launchd.plist(5))."""
    import plistlib

    when = {"Hour": schedule.at.hour, "Minute": schedule.at.minute}
    if schedule.weekday:
        when["Weekday"] = (DAYS.index(schedule.weekday) + 1) % 7
    jitter = ("--jitter", f"{schedule.jitter_s}s") if schedule.jitter_s else ()
    return plistlib.dumps(
        {
            "Label": f"org.{schedule.name}",
            "ProgramArguments": [*schedule.whole, *jitter],
            "StartCalendarInterval": when,
            "ProcessType": "Background",
            "ExitTimeOut": int(timedelta(minutes=1).total_seconds()),
        }
    ).decode()


def _systemd_word(word: str) -> str:
    """One word of ExecStart=: %, $, quotes and backslashes mean something there (systemd.service(5))."""
    safe = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{safe}"' if re.search(r"[\s'\";]", word) or not word else safe


@dataclass(frozen=True, slots=True)
class Installed:
    """A unit of ours that is installed: its file, and what is wrong with it, empty where nothing is."""

    file: Path
    fault: str = ""


def installed(folders: Iterable[Path] | None = None) -> list[Installed]:
    """The units that were installed for systemd, cron.d and launchd; a line of a user's own crontab is not seen.

    Args:
        folders: where to look; this machine's own folders where None.
    """
    home = Path.home()
    own = (
        Path("/etc/systemd/system"),
        home / ".config/systemd/user",
        Path("/etc/cron.d"),
        home / "Library/LaunchAgents",
    )
    found = []
    for folder in folders or own:
        for pattern in ("sohoaudit*.service", "sohoaudit*.cron", "sohoaudit", "org.sohoaudit*.plist"):
            found += [Installed(file, _fault(file)) for file in sorted(folder.glob(pattern)) if file.is_file()]
    return found


# The program of a service, of a property list, and of a line of cron.d.
_PROGRAM = re.compile(r"ExecStart=\"?([^\s\"]+)|<string>(/[^<]+)</string>|^(?:\S+\s+){5,6}?(/\S+)", re.MULTILINE)


def _fault(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "it cannot be read"
    if file.suffix == ".service" and not file.with_suffix(".timer").exists():
        return "its timer is missing"
    program = re.search(
        r"ExecStart=\"?([^\s\"]+)|<string>(/[^<]+)</string>|^(?:\S+\s+){5,6}?(/\S+)", text, re.MULTILINE
    )
    path = next((part for part in program.groups() if part), "") if program else ""
    return "" if path and Path(path).exists() else f"its program {path or '(none)'} is not there"
