"""An audit that is cut off in the middle, as by a power cut, and gone on with, equals an undisturbed one."""

import json
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from .capture import questions
from .lab import Lab
from .office import DESK_ADDRESS
from .scanning import INSIDE, Scan, Stop, scan, watched

pytestmark = pytest.mark.lab

MOMENTS = {"started", "ended", "first_seen", "time", "http.header.date", "upnp.uptime", "pcp.epoch"}


@pytest.fixture(scope="module")
def runs(office: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scan, Scan, Scan, list[str]]:
    """An undisturbed run, one killed once some devices were finished, the one that went on, and those devices."""
    undisturbed = scan(office, "desk", INSIDE, tmp_path_factory.mktemp("undisturbed"))
    folder = tmp_path_factory.mktemp("killed")
    killed = scan(office, "desk", INSIDE, folder, Stop(signal.SIGKILL, lambda: len(_finished(folder)) > 3))
    finished = _finished(folder)
    words = [sys.executable, "-m", "sohoaudit", "scan", "--resume", str(folder / "audit.json")]
    time.sleep(1)
    resumed = watched(office, "desk", words, folder)
    return undisturbed, killed, replace(resumed, document=json.loads((folder / "audit.json").read_text())), finished


def test_it_was_cut_off_in_the_middle(runs: tuple[Scan, Scan, Scan, list[str]]) -> None:
    _, killed, _, finished = runs
    assert killed.code == -signal.SIGKILL
    assert killed.document == {}
    assert len(finished) > 3


def test_the_resumed_audit_equals_an_undisturbed_one(runs: tuple[Scan, Scan, Scan, list[str]]) -> None:
    undisturbed, _, resumed, _ = runs
    assert resumed.code == undisturbed.code
    assert _timeless(resumed.document["devices"]) == _timeless(undisturbed.document["devices"])
    assert _subjects(resumed) == _subjects(undisturbed)


def test_no_finished_device_is_asked_again(runs: tuple[Scan, Scan, Scan, list[str]]) -> None:
    _, _, resumed, finished = runs
    asked = {packet.destination for packet in questions(resumed.packets, DESK_ADDRESS)}
    assert asked
    assert not asked & set(finished)


def test_a_journal_is_gone_once_its_audit_is_written(
    runs: tuple[Scan, Scan, Scan, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Other tests leave theirs behind where they cut an audit off.
    own = [folder for name in ("undisturbed*", "killed*") for folder in tmp_path_factory.getbasetemp().glob(name)]
    assert len(own) >= 2
    assert [path for folder in own for path in folder.rglob("*.journal")] == []


def _finished(folder: Path) -> list[str]:
    lines = [line for path in folder.rglob("*.journal") for line in path.read_text().splitlines()[1:]]
    return [json.loads(line)["address"] for line in lines if line.endswith("}")]


def _subjects(run: Scan) -> set[tuple[str, str]]:
    return {(gap["stage"], gap["subject"]) for gap in run.document["coverage"]}


def _timeless(value: object) -> object:
    """The value without its moments and keyed hashes, which no two runs share, and with every list in one order."""
    if isinstance(value, dict):
        return {
            key: _timeless(each)
            for key, each in value.items()
            if key not in MOMENTS and not (key == "detail" and str(each).startswith("answered at"))
        }
    if isinstance(value, list):
        return sorted((_timeless(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return re.sub(r"(keyed:|lease=)[0-9a-f]+", r"\1", value) if isinstance(value, str) else value
