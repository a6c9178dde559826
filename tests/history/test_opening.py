"""Tests of opening a history: older ones are migrated with a backup, and what cannot be used says why in one line."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from sohoaudit.history import HistoryError, opening, tables
from sohoaudit.history.store import History

from .offices import audit, camera, router


def test_the_tables_are_those_that_the_steps_build(tmp_path: Path) -> None:
    at_step(tmp_path / "history.db", opening.STEPS[-1])
    with History(tmp_path / "history.db") as history, history.opened.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_new_history_has_the_tables_of_the_newest_step(history: History) -> None:
    with history.opened.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def at_step(place: Path, step: str) -> None:
    """A history as an earlier sohoaudit left it."""

    def migrate(connection: Connection) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "sohoaudit.history:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "_migrate", migrate)
        with History(place) as history:
            history.record(audit(router(), camera(is_mapped=True)))


def test_an_older_file_is_migrated_with_a_backup_beside_it_and_loses_nothing(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    at_step(place, "0001")
    with History(place) as history:
        assert history.opened.backup == tmp_path / "history.db.0001.backup"
        assert len(history.audits()) == 1
        history.note_check("fin-map", "still there", "it answered")
        assert history.check() == []
    with contextlib.closing(sqlite3.connect(tmp_path / "history.db.0001.backup")) as backup:
        assert backup.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert backup.execute("SELECT count(*) FROM audits").fetchone() == (1,)
    with History(place) as history:
        assert history.opened.backup is None


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    History(place).opened.close()
    with contextlib.closing(sqlite3.connect(place)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '0999'")
    before = place.read_bytes()
    with pytest.raises(HistoryError, match=r"written by a newer sohoaudit \(step 0999\): update this one"):
        History(place)
    assert place.read_bytes() == before


def _other(place: Path) -> None:
    with contextlib.closing(sqlite3.connect(place)) as db, db:
        db.execute("CREATE TABLE devices (name TEXT)")


def _text(place: Path) -> None:
    place.write_text("this is a letter to my aunt, and no database at all " * 40)


def _torn(place: Path) -> None:
    History(place).opened.close()
    whole = place.read_bytes()
    place.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))


def _folder(place: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (_other, "belongs to another program: name another file"),
        (_text, "is no history, or damaged: move it away"),
        (_torn, "is damaged: "),
        (_folder, "cannot be opened: check the path"),
    ],
    ids=["another program's", "a text", "torn", "a folder"],
)
def test_what_is_no_history_is_refused_in_one_line(prepare: object, said: str, tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    prepare(place)  # type: ignore[operator]
    with pytest.raises(HistoryError) as fault, History(place) as history:
        history.record(audit(router()))
    assert said in str(fault.value)
    assert str(place) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_locked_history_says_so_and_keeps_what_it_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LOCK_WAIT_S", 0.1)
    place = tmp_path / "history.db"
    with History(place) as history, contextlib.closing(sqlite3.connect(place, isolation_level=None)) as other:
        history.record(audit(router()))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match="is locked by another program"):
            history.record(audit(router(), day=1))
        other.execute("ROLLBACK")
        history.record(audit(router(), day=1))
        assert len(history.audits()) == 2


def test_a_full_disk_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    with History(tmp_path / "history.db") as history:
        history.record(audit(router()))
        with history.opened.reading() as db:
            pages = db.exec_driver_sql("PRAGMA page_count").scalar()
        with contextlib.closing(history.opened.engine.raw_connection()) as raw:
            raw.cursor().execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(HistoryError, match="the disk is full: make room"):
            for day in range(1, 200):
                history.record(audit(router(firmware=os.urandom(900).hex()), day=day))
        assert history.check() == []
        assert history.audits()


def test_a_history_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    History(place).opened.close()
    code = (
        "import os, sys; import sqlalchemy.dialects.sqlite, sohoaudit.history.reading\n"
        "from sohoaudit.history import HistoryError\nfrom sohoaudit.history.store import History\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: History(sys.argv[1])\nexcept HistoryError as fault: print(fault)"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    place.chmod(0o444)
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, check=False)
    assert "check" in done.stdout, done.stderr
    assert done.stdout.startswith(str(place))


def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    with pytest.raises(HistoryError) as fault:
        History("postgresql://me:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(fault.value)
    assert "check that the server runs" in str(fault.value)
    assert "\n" not in str(fault.value)


def test_two_that_start_at_once_build_one_history(place: str) -> None:
    code = "import sys; from sohoaudit.history.store import History; History(sys.argv[1]).opened.close()"
    both = [subprocess.Popen([sys.executable, "-c", code, place], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(one.communicate()[1], one.returncode) for one in both] == [(b"", 0)] * 3


def test_opening_a_history_that_is_up_to_date_loads_no_alembic(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    History(place).opened.close()
    code = (
        "import sys; from sohoaudit.history.store import History; History(sys.argv[1]);"
        "assert not any(m.startswith('alembic') for m in sys.modules)"
    )
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code, str(place)], check=True)
    assert time.monotonic() - started < 5
