"""Tests of runs: one at a time, and the next notices what became of the last."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sohoaudit.history import HistoryError, runs
from sohoaudit.history.lock import Busy, Lock
from sohoaudit.history.store import History
from sohoaudit.keeping import keeping

from .offices import MONDAY, OFFICE, audit, router


def test_a_second_run_of_the_same_scope_is_told_who_is_at_it(tmp_path: Path) -> None:
    with Lock(tmp_path, "one", "192.168.1.0/24"):
        with pytest.raises(Busy, match=r"192.168.1.0/24 is running as process \d+ since .*: this one leaves"):
            Lock(tmp_path, "one", "192.168.1.0/24").__enter__()
        with Lock(tmp_path, "two", "192.168.2.0/24"):
            pass
    with Lock(tmp_path, "one", "192.168.1.0/24"):
        pass


def test_a_run_that_was_killed_gives_its_lock_back(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from sohoaudit.history.lock import Lock\n"
        "with Lock(Path(sys.argv[1]), 'one', 'x'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy):
            Lock(tmp_path, "one", "x").__enter__()
        holder.kill()
    with Lock(tmp_path, "one", "x"):
        pass


def test_a_run_that_never_ended_is_noticed_once(history: History) -> None:
    runs.begin(history, "s", MONDAY)
    second = runs.begin(history, "s", MONDAY + timedelta(hours=1))
    assert second.notes == (
        "the audit begun 2026-11-02 02:00 UTC never ended: it hung, was killed, or the machine stopped",
    )
    runs.end(history, second, "ended")
    assert runs.begin(history, "s", MONDAY + timedelta(hours=2)).notes == ()
    assert runs.begin(history, "other", MONDAY).notes == ()


def nightly(history: History, hours: list[float]) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    for hour in hours:
        run = runs.begin(history, "s", MONDAY + timedelta(hours=hour))
        runs.end(history, run, "ended")
        notes = run.notes
    return notes


def test_a_night_without_a_run_is_noticed_by_the_next(history: History) -> None:
    assert nightly(history, [0, 24, 48, 72.1]) == ()
    (note,) = nightly(history, [120.1])
    assert note == "no audit since 2026-11-05 02:06 UTC, though one usually runs every day: one was missed"


def test_runs_by_hand_are_never_missed(history: History) -> None:
    assert nightly(history, [0, 1, 30, 31, 200, 700]) == ()


def test_a_clock_that_goes_back_is_no_missed_run(history: History) -> None:
    assert nightly(history, [0, 24, 48, 72, 10]) == ()


def test_who_keeps_nothing_needs_no_place_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(nowhere))
    with keeping(None, OFFICE) as keeper:
        assert keeper.kept(audit()) == audit()
    with pytest.raises(HistoryError, match="check its folder"), keeping(str(nowhere / "history.db"), OFFICE):
        pass


def test_an_audit_that_cannot_be_kept_is_reported_with_a_gap(tmp_path: Path) -> None:
    told: list[str] = []
    with keeping(str(tmp_path / "history.db"), OFFICE, tell=told.append) as keeper:
        assert keeper.history is not None
        with keeper.history.opened.writing() as db:
            db.exec_driver_sql("DROP TABLE sightings")
        kept = keeper.kept(audit(router()))
    assert [(gap.subject, gap.matters) for gap in kept.coverage] == [("the history", True)]
    assert told[0].startswith("this audit was not kept: ")
