"""`scan --resume` takes over the options that the audit was begun with, or says why it cannot."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sohoaudit.journal import Journal, find
from tests.history.box import Door, free_ports, page

FINGERPRINT = """
vendor: Ownmake
kind: router
fingerprints:
  - name: a page of our own
    when: { http.title: '^Vigor Login Page$' }
    certainty: certain
    source: this test
    examples:
      - give: { http.title: Vigor Login Page }
        expect: { vendor: Ownmake, kind: router }
"""


class Bench:
    """A home folder with a box on loopback, own fingerprints and an audit of another vantage."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (self.port,) = free_ports(1)
        self.box: Door = page(self.port)
        self.own = home / "own"
        self.own.mkdir()
        (self.own / "ownmake.yaml").write_text(FINGERPRINT)

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        own = {name: value for name, value in os.environ.items() if not name.startswith("SOHOAUDIT_")}
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")}
        where = {"PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen(
            [sys.executable, "-m", "sohoaudit", "scan", *words],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.home,
            env=own | folders | where | environment,
        )  # fmt: skip

    def run(self, *words: str, **environment: str) -> tuple[int, str]:
        process = self.start(*words, **environment)
        _, errors = process.communicate(timeout=60)
        return process.returncode, errors

    @property
    def journals(self) -> Path:
        return self.home / "state" / "sohoaudit" / "journals"

    def killed(self, *words: str, **environment: str) -> None:
        """Begin an audit that takes some seconds, and cut the power once its journal stands."""
        closed = ",".join(str(port) for port in range(2_000, 2_020))
        process = self.start("127.0.0.1", "--ports", f"{closed},{self.port}", *words, **environment)
        ends = time.monotonic() + 20
        while not list(self.journals.glob("*")) and time.monotonic() < ends:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.box.close()


def test_an_audit_goes_on_with_the_options_it_was_begun_with(bench: Bench) -> None:
    other = bench.home / "other.json"
    code, errors = bench.run("127.0.0.1", "--ports", str(bench.port), "--pace", "lab", "--output", "other.json",
                             "--format", "json", "--no-history")  # fmt: skip
    assert other.exists(), (code, errors)
    bench.killed("--fingerprints", "own", "--with", "other.json", "--redact", "--fail-on", "never", "--quiet",
                 "--output", "first.json", "--format", "json", "--language", "ja", "--no-history")  # fmt: skip
    code, errors = bench.run("--resume", "first.json")
    assert (code, errors) == (0, "")
    audit = json.loads((bench.home / "first.json").read_text())
    (device,) = audit["devices"]
    assert device["identity"]["vendor"] == "Ownmake"
    assert audit["settings"]["merged"] == "2"
    assert audit["language"] == "ja"
    assert list(bench.journals.glob("*")) == []
    assert not (bench.home / "state" / "sohoaudit" / "history.db").exists()


def test_what_may_hold_a_password_is_not_written_down_and_must_be_given_again(bench: Bench) -> None:
    secret = "json://localhost:9/top-secret"
    bench.killed("--notify", secret, "--no-history", SOHOAUDIT_SNMP_COMMUNITIES="hidden-word")
    (journal,) = bench.journals.glob("*")
    assert not {"top-secret", "hidden-word"} & set(journal.read_text().replace('"', "/").split("/"))
    code, errors = bench.run("--resume", "last")
    assert (code, errors.count("\n")) == (2, 1)
    assert "was begun with --notify" in errors
    assert "give it again" in errors
    code, errors = bench.run("--resume", "last", "--notify", secret)
    assert (code, errors.count("\n")) == (2, 1)
    assert "set it again" in errors


def test_an_option_given_anew_wins_and_one_that_widens_the_scope_is_refused(bench: Bench) -> None:
    bench.killed("--pace", "gentle", "--output", "a.json", "--format", "json", "--no-history")
    code, errors = bench.run("--resume", "last", "--hairpin")
    assert code == 2
    assert "was begun without --hairpin" in errors
    code, errors = bench.run("--resume", "last", "--pace", "lab", "--fail-on", "never")
    assert code == 0, errors
    assert json.loads((bench.home / "a.json").read_text())["settings"]["pace"] == "lab"


def test_a_journal_of_another_scope_is_refused_and_stays(bench: Bench) -> None:
    bench.killed("--no-history")
    code, errors = bench.run("127.0.0.9", "--resume", "last")
    assert (code, errors.count("\n")) == (2, 1)
    assert "another scope (127.0.0.1)" in errors
    journal = Journal.reopen(find("last", bench.journals))
    assert journal.head.options["no_history"] is True
    journal.close()
