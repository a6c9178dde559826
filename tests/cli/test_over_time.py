"""The commands over time, whole: a box on loopback whose Telnet comes and goes over some nights."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.history.box import Door, free_ports, page, telnet

Done = subprocess.CompletedProcess[str]


class Nights:
    """A home folder, a box, and the commands run there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.page_port, self.telnet_port = free_ports(2)
        self.page = page(self.page_port)
        self.telnet: Door | None = None

    def open_telnet(self) -> None:
        self.telnet = telnet(self.telnet_port)

    def close_telnet(self) -> None:
        if self.telnet:
            self.telnet.close()
        self.telnet = None

    @property
    def ports(self) -> str:
        return f"{self.page_port},{self.telnet_port}"

    def run(self, *arguments: str, **environment: str) -> Done:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SOHOAUDIT_")}
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE")}
        return subprocess.run(
            [sys.executable, "-m", "sohoaudit", *arguments],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
            env=own | folders | environment,
        )  # fmt: skip

    def night(self, *more: str, **environment: str) -> Done:
        return self.run(
            "scan", "127.0.0.1", "--ports", self.ports, "--pace", "lab", "--quiet", "--changes", *more, **environment
        )

    def finding(self, rule: str) -> dict[str, str]:
        listed = json.loads(self.run("history", "list", "findings", "--format", "json").stdout)
        (one,) = [each for each in listed if each["rule"] == rule]
        return dict(one)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    nights = Nights(tmp_path_factory.mktemp("home"))
    yield nights
    nights.close_telnet()
    nights.page.close()


def test_a_month_of_nights_says_nothing_but_what_changed(nights: Nights) -> None:
    first = nights.night()
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("first audit of 127.0.0.1: 1 device, no finding; see sohoaudit history show 1")
    nights.open_telnet()
    opened = nights.night("--fail-on", "low")
    assert opened.returncode == 1
    assert "new     low     fin-" in opened.stdout
    assert "Telnet" in opened.stdout
    silent = nights.night("--fail-on", "low")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    nights.close_telnet()
    closed = nights.night("--fail-on", "low")
    assert closed.returncode == 0
    assert "fixed   low     fin-" in closed.stdout
    nights.open_telnet()
    back = nights.night("--fail-on", "low")
    assert back.returncode == 1
    assert "back    low     fin-" in back.stdout
    assert nights.finding("exposure.telnet")["came_back"] != "None"
    assert len(back.stdout.splitlines()) <= 10


def test_verify_says_still_there_then_fixed_and_the_history_knows(nights: Nights) -> None:
    identifier = nights.finding("exposure.telnet")["id"]
    planned = nights.run("verify", identifier, "--dry-run")
    assert str(nights.telnet_port) in planned.stdout
    there = nights.run("verify", identifier, "--pace", "lab")
    assert (there.returncode, there.stdout.partition(":")[0]) == (1, "still there")
    assert "login:" in there.stdout
    nights.close_telnet()
    fixed = nights.run("verify", identifier, "--pace", "lab")
    assert (fixed.returncode, fixed.stdout.partition(":")[0]) == (0, "fixed"), fixed.stdout
    assert f"127.0.0.1:{nights.telnet_port} is closed" in fixed.stdout
    assert nights.finding("exposure.telnet")["fixed"] != "None"
    nights.open_telnet()
    assert "back " in nights.night().stdout


def test_verify_cannot_tell_where_nothing_answers(nights: Nights) -> None:
    identifier = nights.finding("exposure.telnet")["id"]
    nights.close_telnet()
    nights.page.close()
    told = nights.run("verify", identifier, "--pace", "lab")
    nights.page = page(nights.page_port)
    nights.open_telnet()
    assert (told.returncode, told.stdout.partition(":")[0]) == (3, "could not tell")


def test_an_accepted_risk_is_silent_and_stays_in_the_report(nights: Nights) -> None:
    identifier = nights.finding("exposure.telnet")["id"]
    words = ("--because", "the printer needs it", "--by", "A. Sato")
    assert nights.run("accept", identifier, "--until", "2001-01-01", *words).returncode == 2
    assert nights.run("accept", "fin-none", "--until", "2099-01-01", *words).returncode == 2
    taken = nights.run("accept", identifier, "--until", "2099-01-01", *words)
    assert taken.returncode == 0, taken.stderr
    report = nights.run(
        "scan", "127.0.0.1", "--ports", nights.ports, "--pace", "lab", "--quiet", "--fail-on", "low", "--format", "json"
    )
    found = {f["id"]: f for device in json.loads(report.stdout)["devices"] for f in device["findings"]}
    assert found[identifier]["accepted"]["by"] == "A. Sato"
    assert found[identifier]["accepted"]["until"] == "2099-01-01"
    others = [one for one in found.values() if one["id"] != identifier]
    assert report.returncode == (1 if others else 0)
    assert "the printer needs it" in nights.run("accept").stdout


def test_a_second_run_leaves_with_3_and_one_line(nights: Nights) -> None:
    # So many ports that it is still at it when the others come.
    ports = f"{nights.ports},20000-20800"
    arguments = ("scan", "127.0.0.1", "--ports", ports, "--pace", "gentle", "--quiet", "--changes")
    holder = subprocess.Popen(
        [sys.executable, "-m", "sohoaudit", *arguments],
        env={**os.environ, "XDG_STATE_HOME": str(nights.home / "state"), "XDG_CONFIG_HOME": str(nights.home)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    locks = nights.home / "state" / "sohoaudit" / "locks"
    for _ in range(100):
        if list(locks.glob("*.pid")):
            break
        time.sleep(0.1)
    second = nights.night()
    checked = nights.run("verify", nights.finding("exposure.telnet")["id"], "--pace", "lab")
    holder.kill()
    holder.communicate()
    assert (second.returncode, second.stdout) == (3, "")
    assert second.stderr.count("\n") == 1
    assert "another audit of 127.0.0.1 is running as process" in second.stderr
    assert (checked.returncode, checked.stdout.partition(":")[0]) == (3, "could not tell")
    assert "another audit of 127.0.0.1 is running as process" in checked.stdout
    third = nights.night()
    assert "never ended: it hung, was killed, or the machine stopped" in third.stderr


def test_diff_of_files_and_of_numbers_in_text_json_and_html(nights: Nights, tmp_path: Path) -> None:
    text = nights.run("diff", "1", "2")
    assert text.returncode == 0
    assert "new     low     fin-" in text.stdout
    told = json.loads(nights.run("diff", "1", "2", "--format", "json").stdout)
    assert told["summary"]["new"] >= 1
    files = []
    for number in ("1", "2"):
        files.append(str(tmp_path / f"{number}.json"))
        assert nights.run("history", "export", number, "--output", files[-1]).returncode == 0
    assert nights.run("diff", *files).stdout == text.stdout
    page = nights.run("diff", *files, "--format", "html").stdout
    assert "<script" not in page
    assert "Telnet" in page


def test_the_report_says_what_changed_since_the_last_audit_and_diff_speaks_japanese(
    nights: Nights, tmp_path: Path
) -> None:
    nights.close_telnet()
    file = tmp_path / "report.html"
    scan = ("scan", "127.0.0.1", "--ports", nights.ports, "--pace", "lab", "--quiet", "--format", "html")
    assert nights.run(*scan, "--output", str(file)).returncode == 0
    section = file.read_text().partition('id="changes"')[2].partition("</section>")[0]
    assert re.search("fixed: .*Telnet", section)
    told = nights.run("diff", "--language", "ja").stdout.splitlines()
    assert "からの変化が" in told[0]
    assert told[1].startswith("解決    低      fin-")
    nights.open_telnet()
    nights.night()


def test_the_history_is_listed_shown_checked_and_pruned(nights: Nights) -> None:
    assert "127.0.0.1 from lan" in nights.run("history", "list").stdout
    identifier = nights.finding("exposure.telnet")["id"]
    assert "came back" in nights.run("history", "show", identifier).stdout
    assert "1 device" in nights.run("history", "show", "1").stdout or nights.run("history", "show", "1").stdout
    assert nights.run("history", "check").returncode == 0
    assert nights.run("history", "prune", "--keep", "1").stdout.endswith("audits forgotten\n")
    assert nights.finding("exposure.telnet")["id"] == identifier
    database = nights.home / "state" / "sohoaudit" / "history.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_logs_are_json_where_they_are_asked_for(nights: Nights) -> None:
    told = nights.night("--log-format", "json")
    lines = [json.loads(line) for line in told.stderr.splitlines()]
    assert lines[-1]["message"] == "the audit ended"
    assert lines[-1]["exit_code"] == told.returncode


def test_a_profile_gives_targets_and_the_command_line_wins(nights: Nights) -> None:
    file = nights.home / "config" / "sohoaudit" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[client.acme]\ntargets = ["127.0.0.1"]\nports = "{nights.ports}"\npace = "lab"\n')
    planned = nights.run("scan", "--client", "acme", "--dry-run")
    assert "127.0.0.1/32" in planned.stdout
    assert "2 TCP ports" in planned.stdout
    assert "1 TCP ports" in nights.run("scan", "--client", "acme", "--dry-run", "--ports", "9").stdout
    assert "3 TCP ports" in nights.run("scan", "--client", "acme", "--dry-run", SOHOAUDIT_PORTS="7-9").stdout
    shown = nights.run("config", "show", "--client", "acme").stdout
    assert f"{file} [client.acme]" in shown
    file.write_text('format = "html"\noutput = "/no/such/folder"\n')
    assert nights.run("history", "list").returncode == 0
    assert nights.run("diff", "--format", "json").stdout.startswith("{")
    file.write_text('[client.acme]\ntragets = ["127.0.0.1"]\n')
    wrong = nights.run("scan", "--client", "acme", "--dry-run")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "did you mean 'targets'?" in wrong.stderr
    file.unlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("verify",), "name findings"),
        (("verify", "fin-none"), "no such finding"),
        (("history", "show", "999"), "has no audit 999"),
        (("history", "prune"), "say what to forget"),
        (("history", "list", "--history", "/no/such/history.db"), "there is no history at"),
        (("diff", "/no/such/file", "1"), "cannot be read"),
        (("diff", "1", "2", "--format", "pdf"), "choose text, json or html"),
        (("accept", "fin-1"), "--until and --because and --by is missing"),
        (("schedule", "print"), "--systemd, --cron or --launchd"),
        (("schedule", "print", "--cron", "--at", "noon"), "write it as 02:00"),
        (("scan", "127.0.0.1", "--changes", "--no-history"), "--changes needs the history"),
        (("scan", "127.0.0.1", "--jitter", "soon"), "write it as 90s"),
        (("config", "show", "--client", "nobody"), "there is no [client.nobody]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, nights: Nights
) -> None:
    done = nights.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


WATCHED = """
import os, runpy, sys
def watch(event, details):
    if event == "socket.connect" and isinstance(details[1], tuple):
        os.write(2, f"connect {details[1][0]}\\n".encode())
    if event == "socket.getaddrinfo":
        os.write(2, f"resolve {details[0]}\\n".encode())
sys.addaudithook(watch)
runpy.run_module("sohoaudit", run_name="__main__", alter_sys=True)
"""


def test_offline_nothing_outside_the_scope_is_connected_to(nights: Nights) -> None:
    done = subprocess.run(
        [
            sys.executable, "-c", WATCHED, "scan", "127.0.0.1", "--ports", nights.ports, "--pace", "lab", "--quiet",
            "--offline", "--notify", "json://192.0.2.1/", "--changes", "--history", str(nights.home / "offline.db"),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("first audit")
    assert set(done.stderr.split("\n")) == {"connect 127.0.0.1", ""}
    assert nights.run("feeds", "update", "--offline").returncode == 2


def test_feeds_say_what_was_fetched_and_what_is_in_use(nights: Nights) -> None:
    told = nights.run("feeds", "status").stdout
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert ", shipped" in lines["kev"]
    assert "never fetched" in lines["kev"]
    assert "none in use" in lines["epss"]
    assert "All else came with sohoaudit" in told
    wrong = nights.run("feeds", "update", "kevv")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
