"""The commands that need no network: their words, their files and their exit codes."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from sohoaudit import document
from tests.cli.test_main import run as run_anywhere
from tests.importers.test_importers import BANNER, FILES, SSH_BANNER, WAN
from tests.test_merging import INSIDE, OUTSIDE

ROOT = Path(__file__).parents[2]


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_anywhere(*words, cwd=cwd, PYTHONPATH=str(ROOT))


@pytest.fixture
def audits(tmp_path: Path) -> list[str]:
    for name, audit in (("Inside.json", INSIDE), ("Outside.json", OUTSIDE)):
        (tmp_path / name).write_text(json.dumps(document.to_document(audit)))
    return ["Inside.json", "Outside.json"]


def test_merge_writes_one_audit_that_is_no_worse_to_merge_again(tmp_path: Path, audits: list[str]) -> None:
    first = run("merge", *audits, "--format", "json", "--output", "both.json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    again = run("merge", "both.json", *audits, "--format", "json", "--output", "-", cwd=tmp_path)
    both, more = json.loads((tmp_path / "both.json").read_text()), json.loads(again.stdout)
    assert len(both["devices"]) == 1
    assert more["devices"] == both["devices"]


def test_merge_leaves_with_what_the_whole_calls_for(tmp_path: Path, audits: list[str]) -> None:
    assert run("merge", *audits, "--fail-on", "high", "-q", cwd=tmp_path).returncode == 1
    assert run("merge", audits[0], "--fail-on", "high", "-q", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("command", [["merge"], ["scan", "127.0.0.1", "--ports", "1", "--with"]])
@pytest.mark.parametrize(
    ("text", "said"), [(None, "Bad.json cannot be read"), ("{", "this is not JSON"), ("{}", "this is not an audit")]
)
def test_a_file_that_is_no_audit_is_named(tmp_path: Path, command: list[str], text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "Bad.json").write_text(text)
    done = run(*command, "Bad.json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("sohoaudit: Bad.json") and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_import_reads_several_files_into_one_audit(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(FILES["nmap XML"])
    (tmp_path / "two.json.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, [BANNER, SSH_BANNER])).encode()))
    words = ["import", "one.xml", "two.json.gz", "--vantage", "internet", "-q", "--format", "json", "--output", "-"]
    done = run(*words, cwd=tmp_path)
    audit = json.loads(done.stdout)
    assert audit["settings"]["imported"] == "nmap XML, Shodan"
    assert [device["addresses"] for device in audit["devices"]] == [[WAN]]


def test_import_of_a_file_that_breaks_off_leaves_with_3(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text(json.dumps(SSH_BANNER) + "\n" + json.dumps(BANNER)[:300])
    done = run("import", "cut.json", "-q", "--fail-on", "never", cwd=tmp_path)
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import", "Nobody.xml"], "Nobody.xml cannot be read"),
        (["import", "scan.xml"], "add --vantage internet"),
        (["import", "scan.xml", "--vantage", "moon"], "'moon'"),
        (["scan", "127.0.0.1", "--index", "shodan", "--ports", "1"], "set SHODAN_API_KEY"),
        (["scan", "wan", "--dry-run"], "wan: --dry-run sends nothing"),
        (["scan", "wan", "--vantage", "internet"], "wan: only the inside can ask"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_2(tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "scan.xml").write_text(FILES["nmap XML"])
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
