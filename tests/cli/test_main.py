"""Tests of the command line as a whole: one meaning an exit code, one line a fault, and nothing heavy for help."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOHOAUDIT = [sys.executable, "-m", "sohoaudit"]
HEAVY = ("scapy", "httpx", "jinja2", "sqlalchemy", "structlog", "yaml", "pydantic", "cryptography", "asyncssh", "rich")


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SOHOAUDIT, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    ["import sohoaudit", "import sys; sys.argv[1:] = ['--help']; from sohoaudit.cli import main; main()"],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded_to_import_the_package_or_to_print_its_help(code: str) -> None:
    told = f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    watched = f"import atexit, sys\natexit.register(lambda: {told})\n"
    done = subprocess.run([sys.executable, "-c", watched + code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"


def test_every_option_of_a_scan_stands_under_a_heading_of_its_help() -> None:
    told = run("scan", "--help", COLUMNS="80").stdout
    sections = dict(re.findall(r"^(\w[\w ]+):\n((?:  .*\n?)+)", told, re.MULTILINE))
    assert list(sections) == ["What to look at", "How to ask", "What to write", "Over time", "What to know", "Help"]
    assert re.findall(r"^  (-.*?)(?:  |$)", sections["Help"], re.MULTILINE) == ["-h, --help"]
    assert all(len(re.findall(r"^  -", text, re.MULTILINE)) <= 12 for text in sections.values())
    assert max(map(len, told.splitlines())) <= 80


def test_help_names_every_command_under_its_heading() -> None:
    from sohoaudit.cli import COMMANDS

    shown = run("--help").stdout
    for heading, commands in COMMANDS.items():
        assert f"\n{heading}:\n" in shown
        assert all(f"  {name} " in shown for name in commands)


@pytest.mark.parametrize(
    "name", [name for commands in __import__("sohoaudit.cli").cli.COMMANDS.values() for name in commands]
)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert f"sohoaudit {name}" in done.stdout
    assert "Example" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scna"], "did you mean 'scan'"),
        (["scan", "--bogus"], "no such option: --bogus"),
        (["scan", "192.168.1.300"], "192.168.1.300: not an address"),
        (["scan", "203.0.113.7"], 'add --authorized "who allowed this"'),
        (["scan", "10.0.0.0/8", "--dry-run"], "larger than /20"),
        (["scan", "@nowhere", "--dry-run"], "nowhere: cannot be read"),
        (["scan", "127.0.0.1", "--ports", "0"], "write numbers from 1 to 65535"),
        (["scan", "127.0.0.1", "--ports", "9-3"], "write numbers from 1 to 65535"),
        (["scan", "127.0.0.1", "--format", "docx"], "'docx': choose from"),
        (["scan", "127.0.0.1", "--pace", "fast"], "choose from gentle, normal, lab"),
        (["scan", "127.0.0.1", "--vantage", "index"], "lan or internet"),
        (["scan", "127.0.0.1", "--exclude", "127.0.0.0/8"], "nothing is left"),
        (["scan", "127.0.0.1", "--fingerprints", "/no/such/folder", "--ports", "1"], "/no/such/folder"),
        (["demo", "--format", "html,json", "--output", "-"], "takes one format"),
        (["report", "/no/such/audit.json"], "/no/such/audit.json"),
        (["identify", "/no/such/file"], "/no/such/file"),
        (["explain", "no.such.rule"], "no.such.rule"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said.lower() in done.stderr.lower()
    assert done.stderr.startswith("sohoaudit: ") or "\nsohoaudit: " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_own_network_is_not_audited_unconfirmed() -> None:
    # A namespace of its own, so that even a fault here could reach nobody.
    done = subprocess.run(
        ["unshare", "-Urn", *SOHOAUDIT, "scan"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "sohoaudit: " in done.stderr


def test_a_network_without_a_way_to_it_is_refused_before_anything_is_sent() -> None:
    done = subprocess.run(
        ["unshare", "-Urn", *SOHOAUDIT, "scan", "192.168.1.0/24"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "192.168.1.0/24 cannot be reached from here (Network is unreachable)" in done.stderr


def test_a_dry_run_says_what_would_be_asked_and_sends_nothing() -> None:
    done = run("scan", "192.0.2.0/29", "--exclude", "192.0.2.3", "--authorized", "the lab", "--dry-run")
    assert done.returncode == 0
    assert "5 addresses" in done.stdout
    assert "84 TCP ports" in done.stdout
    assert "Allowed by: the lab." in done.stdout
    assert "No password is tried" in done.stdout


def test_a_fault_of_our_own_is_70_and_never_1() -> None:
    code = (
        "import sys, sohoaudit.scope\n"
        "def broken(*a, **k): raise RuntimeError('bad day')\n"
        "sohoaudit.scope.parse = broken\n"
        "sys.argv[1:] = ['scan', '127.0.0.1']\n"
        "from sohoaudit.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert done.stderr == "sohoaudit: a fault of its own: RuntimeError: bad day: add --debug and report it\n"


def test_a_reader_that_closes_early_is_no_finding() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(SOHOAUDIT)} schema audit | head -c 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 141)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_audit_writes_what_it_has_and_says_so(number: signal.Signals, code: int, tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    audit = subprocess.Popen(
        [*SOHOAUDIT, "demo", "--format", "json", "--output", str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    started = time.monotonic()
    audit.send_signal(number)
    _, said = audit.communicate(timeout=10)
    assert audit.returncode == code
    assert time.monotonic() - started < 3
    assert "stopped" in said
    assert "Traceback" not in said
    assert run("report", str(out), "--format", "json", "--output", "-").returncode == 0
