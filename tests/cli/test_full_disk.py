"""A disk without room, for real: a small file system of its own in a mount namespace."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab
SCAN = ("scan", "127.0.0.1", "--ports", "9", "--pace", "lab", "--quiet", "--changes")


def inside(place: Path, *steps: str) -> list[str]:
    """What the steps print, in one shell that alone sees 400 KB of memory at the place."""
    whole = f"mount -t tmpfs -o size=400k tmpfs {place}; " + "; ".join(steps)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", whole], capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "XDG_STATE_HOME": str(place)}, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout.splitlines()


def run(*arguments: str) -> str:
    return f"{shlex.join([sys.executable, '-m', 'sohoaudit', *arguments])} 2>&1; echo exit $?"


def test_a_scan_says_it_in_one_line_loses_nothing_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    fill = tmp_path / "fill"
    told = inside(
        tmp_path, run(*SCAN), f"dd if=/dev/zero of={fill} bs=1k 2>/dev/null", run(*SCAN), run("history", "list"),
        f"rm {fill}", run(*SCAN), run("history", "check"),
    )  # fmt: skip
    full = f"sohoaudit: {tmp_path}/sohoaudit/history.db cannot be written, the disk is full: make room; "
    assert told[0].startswith("first audit of 127.0.0.1")
    assert told[2].startswith(full)
    assert told[4].startswith(full)
    assert (told[1], told[3], told[5], told[6]) == ("exit 0", "exit 2", "exit 2", "exit 0")
    assert "sound" in told[7]
    assert "2 audits" in told[7]
