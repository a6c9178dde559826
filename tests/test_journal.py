"""Tests of the journal: what is finished survives anything, and nothing foreign is taken for one's own."""

import ipaddress
import json
import os
import string
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit import journal as room
from sohoaudit.joining import Face
from sohoaudit.journal import Finished, Head, Journal, JournalError, find, refuse_another
from sohoaudit.model import Endpoint, Gap, Observation, Scope, Transport, Vantage

SCOPE = Scope((ipaddress.ip_network("192.168.9.0/28"),), targets=("192.168.9.0/28",))
WEB = Endpoint("192.168.9.1", 80)


def head(scope: Scope = SCOPE, output: str | None = None) -> Head:
    own = Scope((ipaddress.ip_network("203.0.113.7"),), authority="J. Doe", targets=("wan",))
    return Head(
        scope, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), (80, 443), (161,), b"k" * 16, output, (own,), ("203.0.113.7",),
        (Gap("sweep", "--hairpin", "the gateway says nothing"),), {"hairpin": True, "with_audits": ["/a.json"]},
    )  # fmt: skip


def finished(address: str = "192.168.9.1", **fields: str) -> Finished:
    observation = Observation.of(WEB, fields or {"http.title": "Vigor Login Page"}, "http")
    face = Face(address, Vantage.LAN, [WEB, Endpoint(address, 53, Transport.UDP)], [observation], "00:00:5e:00:53:01")
    return Finished(face, True, (Gap("probe", address, "left alone", "look later"),))


def test_what_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    journal.write(finished())
    journal.write(Finished(Face("192.168.9.2", Vantage.LAN), False))
    journal.close()
    again = Journal.reopen(journal.path)
    assert again.head == head()
    assert again.finished == (finished_at(again), Finished(Face("192.168.9.2", Vantage.LAN), False))


def finished_at(journal: Journal) -> Finished:
    """The first entry as it was made, with the time that its observation carries."""
    one = finished()
    one.face.observations = [
        Observation(WEB, {"http.title": "Vigor Login Page"}, "http", Vantage.LAN, o.time)
        for o in journal.finished[0].face.observations
    ]
    return one


@given(st.text(), st.text(alphabet=string.printable))
def test_any_text_of_a_device_comes_back(tmp_path_factory: pytest.TempPathFactory, one: str, other: str) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal.create(head(), folder)
    told = finished(one=one, other=other)
    journal.write(told)
    journal.close()
    (back,) = Journal.reopen(journal.path).finished
    assert back.face.observations[0].fields == told.face.observations[0].fields


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=400))
def test_a_line_that_a_power_cut_tore_costs_that_line_alone(
    tmp_path_factory: pytest.TempPathFactory, lost_bytes: int
) -> None:
    journal = Journal.create(head(), tmp_path_factory.mktemp("journal"))
    journal.write(finished("192.168.9.1"))
    kept = journal.path.stat().st_size
    journal.write(finished("192.168.9.2"))
    journal.close()
    os.truncate(journal.path, max(kept, journal.path.stat().st_size - lost_bytes))
    again = Journal.reopen(journal.path)
    assert [one.face.address for one in again.finished] == ["192.168.9.1"]
    again.write(finished("192.168.9.3"))
    again.close()
    assert [one.face.address for one in Journal.reopen(journal.path).finished] == ["192.168.9.1", "192.168.9.3"]


def test_a_finished_host_is_no_longer_in_the_scope_that_is_left(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    journal.write(finished("192.168.9.1"))
    journal.close()
    rest = Journal.reopen(journal.path).rest_of(SCOPE)
    assert not rest.holds("192.168.9.1")
    assert set(SCOPE.addresses()) - set(rest.addresses()) == {"192.168.9.1"}


def test_a_journal_of_another_version_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(head(), tmp_path)
    journal.close()
    monkeypatch.setattr(room, "__version__", "99.0")
    with pytest.raises(JournalError, match=r"was begun by sohoaudit .*, this is 99\.0"):
        Journal.reopen(journal.path)


def test_another_scope_or_other_ports_are_refused_and_the_same_are_not() -> None:
    path = Path("x.journal")
    refuse_another(head(), path, scope=SCOPE, tcp_ports=(80, 443))
    other = Scope((ipaddress.ip_network("192.168.8.0/28"),))
    with pytest.raises(JournalError, match=r"another scope \(192\.168\.9\.0/28\)"):
        refuse_another(head(), path, scope=other, tcp_ports=None)
    with pytest.raises(JournalError, match="other ports"):
        refuse_another(head(), path, scope=None, tcp_ports=(22,))


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"{}\n", b"no json\n", b'{"sohoaudit": 3}\n', b"[1]\n", b"\xff\xfe\n", b'{"sohoaudit": "0.1.0"}\n'],
    ids=["empty", "a line end", "an object", "text", "a number", "a list", "bytes", "half a head"],
)
def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(text)
    with pytest.raises(JournalError) as refused:
        Journal.reopen(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_damaged_line_is_refused_and_the_file_stays_as_it_is(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    journal.write(finished())
    journal.close()
    lines = journal.path.read_text().splitlines()
    entry = json.loads(lines[1]) | {"vantage": "moon"}
    journal.path.write_text(f"{lines[0]}\n{json.dumps(entry)}\n")
    before = journal.path.read_bytes()
    with pytest.raises(JournalError, match="damaged"):
        Journal.reopen(journal.path)
    assert journal.path.read_bytes() == before


def test_two_runs_cannot_write_one_journal(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    with pytest.raises(JournalError, match="another run"):
        Journal.reopen(journal.path)


def test_an_audit_is_found_by_its_journal_its_output_or_as_the_last(tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    journal = Journal.create(head(output=str(output)), tmp_path)
    journal.close()
    assert find(str(journal.path), tmp_path) == find(str(output), tmp_path) == find("last", tmp_path) == journal.path
    with pytest.raises(JournalError, match=r"other\.json: no unfinished audit"):
        find("other.json", tmp_path)


def test_nobody_else_can_read_a_journal_and_a_discarded_one_is_gone(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    assert journal.path.stat().st_mode & 0o077 == 0
    journal.discard()
    journal.write(finished())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_whole_lines_behind(tmp_path: Path) -> None:
    journal = Journal.create(head(), tmp_path)
    journal.write(finished("192.168.9.1"))
    kept = journal.path.read_bytes()
    journal.close()
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({len(kept) + 40},) * 2)"
    code = (
        f"{limit}\nimport signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import sys, pathlib\nfrom sohoaudit.journal import Journal\n"
        "journal = Journal.reopen(pathlib.Path(sys.argv[1]))\n"
        "try:\n    journal.write(journal.finished[0])\nexcept OSError as fault:\n    print(fault.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(journal.path)], capture_output=True, text=True, check=True)
    assert "large" in done.stdout
    assert journal.path.read_bytes() == kept
