"""A history on SQLite and on PostgreSQL: Debian's own server, on loopback, with a folder that ends with the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sohoaudit.history.store import History


def _server_programs() -> Path:
    """Where Debian puts initdb and pg_ctl, newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    assert found, "PostgreSQL is missing: apt install postgresql"
    return found[0].parent


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, run by an ordinary user since it refuses root."""
    programs = _server_programs()
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    demote = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="sohoaudit-pg-"))
    if demote:
        shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"

    def call(*command: str) -> None:
        subprocess.run(
            [str(programs / command[0]), *command[1:]],
            check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60, **demote,  # type: ignore[call-overload]
        )  # fmt: skip

    data = str(folder / "data")
    call("initdb", "-D", data, "-A", "trust", "-U", "sohoaudit", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    call("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql://sohoaudit@127.0.0.1:{port}"
    call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a fresh history may be, on each kind of database."""
    if request.param == "sqlite":
        yield str(tmp_path / "state" / "history.db")
        return
    import psycopg

    server = request.getfixturevalue("server")
    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"


@pytest.fixture
def history(place: str) -> Iterator[History]:
    with History(place) as opened:
        yield opened
