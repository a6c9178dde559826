"""Opens a history, SQLite or PostgreSQL: builds or migrates its tables, and says in one line why it cannot be used."""

import contextlib
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, make_url, text

from ..places import give_to_caller, make_private
from . import HistoryError, tables

# The steps of `migrations/versions`, oldest first; alembic is only loaded where one of them is missing.
STEPS = ("0001", "0002")
LOCK_WAIT_S = 10
# Any number, the same in every sohoaudit, so that two that start at once do not both build the tables.
_ADVISORY_LOCK = 0x50_40_A0_D1


class Opened:
    """A history's engine, with its name for messages; transactions that write begin with the lock in hand."""

    def __init__(self, place: str | Path) -> None:
        """Takes a file or a URL `postgresql://…`; builds or migrates the tables.

        Raises:
            HistoryError: it cannot be opened, is locked, damaged, newer than this program, or no history.
        """
        self.is_file = not _is_url(place)
        self.path = Path(place) if self.is_file else None
        self.name = str(place) if self.is_file else make_url(str(place)).render_as_string(hide_password=True)
        with self._told():
            self.engine = _file_engine(Path(place)) if self.is_file else _server_engine(str(place))
            self.backup = self._bring_up_to_date()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state of the history throughout."""
        one_state = {} if self.is_file else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self.engine.execution_options(**one_state).begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the right to write from its start; all of it is kept, or nothing."""
        writer = self.engine.execution_options(sohoaudit_writes=True)
        with self._told(), writer.begin() as connection:
            if not self.is_file:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def compact(self) -> None:
        """Give the room of deleted rows back to the disk; a server does so by itself."""
        if self.is_file:
            self._outside_transactions("VACUUM")

    def _bring_up_to_date(self) -> Path | None:
        """Build or migrate the tables where they are not the newest; the backup of an older file, if one was made."""
        with self.reading() as connection:
            before = self._step(connection)
        if before == STEPS[-1]:
            return None
        backup = self._backed_up(before) if self.path and before else None
        with self.writing() as connection:
            # Another sohoaudit may have been quicker.
            if self._step(connection) != STEPS[-1]:
                _migrate(connection)
        return backup

    def _step(self, connection: Connection) -> str | None:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            if {"audits", "devices"} & set(tables):
                raise HistoryError(f"{self.name} belongs to another program: name another file with --history")
            return None
        step: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if step is not None and step not in STEPS:
            raise HistoryError(
                f"{self.name} was written by a newer sohoaudit (step {step}): update this one, or name another file"
                " with --history"
            )
        return step

    def _backed_up(self, step: str | None) -> Path:
        assert self.path is not None  # noqa: S101 -- the caller asked
        backup = self.path.with_name(f"{self.path.name}.{step}.backup")
        number = 1
        while backup.exists():
            number += 1
            backup = self.path.with_name(f"{self.path.name}.{step}.{number}.backup")
        # A backup is whole or not there.
        unfinished = backup.with_name(f"{backup.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        self._outside_transactions("VACUUM INTO ?", str(unfinished))
        unfinished.chmod(0o600)
        return unfinished.rename(backup)

    def _outside_transactions(self, statement: str, *values: str) -> None:
        with self._told(), contextlib.closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute(statement, values)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as fault:
            raise HistoryError(_line(self.name, str(fault.orig), self.is_file)) from None
        except sqlite3.Error as fault:
            raise HistoryError(_line(self.name, str(fault), self.is_file)) from None
        except OSError as fault:
            raise HistoryError(
                f"{self.name} cannot be used ({fault.strerror}): name another with --history, or use --no-history"
            ) from None


def _is_url(place: str | Path) -> bool:
    return isinstance(place, str) and re.match(r"postgres(ql)?(\+psycopg)?://", place) is not None


def _file_engine(path: Path) -> Engine:
    make_private(path.parent)
    if not path.exists():
        # Findings tell how to break in: nobody else may read them.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        give_to_caller(path)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": LOCK_WAIT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # The driver begins no transaction of its own: ours begin below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("sohoaudit_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _server_engine(url: str) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise HistoryError("PostgreSQL needs psycopg: install sohoaudit[postgresql]") from None
    plain = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)
    return create_engine(plain, connect_args={"connect_timeout": LOCK_WAIT_S})


def _migrate(connection: Connection) -> None:
    """Build the tables of a new history at once, without the 11 MB of alembic; take an older one up step by step."""
    if not inspect(connection).get_table_names():
        tables.metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:step)"), {"step": STEPS[-1]})
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "sohoaudit.history:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


_FULL = "cannot be written, the disk is full: make room; what was finished before is kept"
# SQLite needs a few pages beside the file even to read, and calls their want an input/output error.
_ROOM_NEEDED_BYTES = 65_536


def _is_disk_full(name: str) -> bool:
    try:
        return shutil.disk_usage(Path(name).parent).free < _ROOM_NEEDED_BYTES
    except OSError:
        return False


def _line(name: str, fault: str, is_file: bool) -> str:
    """A database's own fault as one line with its remedy."""
    said = " ".join(fault.split())
    known = (
        ("locked", "is locked by another program: let it end, or name another with --history"),
        ("readonly", "cannot be written: check its permissions, or use --no-history"),
        ("unable to open", "cannot be opened: check the path and its permissions, or use --no-history"),
        ("not a database", "is no history, or damaged: move it away, or name another with --history"),
        ("malformed", "is damaged: restore a backup of it, or move it away and begin anew"),
        ("is full", _FULL),
        (
            "disk I/O",
            _FULL if is_file and _is_disk_full(name) else "cannot be read or written, the disk fails: check it",
        ),
    )
    for word, told in known if is_file else ():
        if word in said:
            return f"{name} {told}"
    where = "" if is_file else ": check that the server runs, and its address, user and rights"
    return f"{name} cannot be used ({said[:200]}){where}"
