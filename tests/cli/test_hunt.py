"""The command `sohoaudit hunt` as people use it."""

import builtins
import importlib.util
import json
import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sohoaudit.cli.hunt import app

sys.path.insert(0, str(Path(__file__).parents[1]))

from hunt.evtx_writer import sysmon, write

SYSTEM = "C:\\Windows\\System32\\"
RUNNER = CliRunner()


def hunt(*arguments: object) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return write(tmp_path / "bad.evtx", [
        sysmon(1, Image=f"{SYSTEM}cmd.exe", CommandLine="cmd /c dir", ParentImage="x.exe"),
        sysmon(1, Image=f"{SYSTEM}netsh.exe", ParentImage=f"{SYSTEM}cmd.exe", User="OFFICE\\ana",
               CommandLine="netsh  interface portproxy add v4tov4 listenport=1"),
    ])  # fmt: skip


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(
        tmp_path / "good.evtx", [sysmon(1, Image=f"{SYSTEM}cmd.exe", CommandLine="cmd /c dir", ParentImage="x")]
    )


def test_hits_leave_with_one_and_the_json_keeps_its_contract(bad: Path) -> None:
    result = hunt("run", bad, "--format", "json")
    content = json.loads(result.stdout)
    hit = content["hits"][0]
    assert result.exit_code == 1
    assert set(content) >= {"hits", "coverage"}
    assert {"hunt", "grade", "file", "record", "time", "host", "why", "evidence"} <= set(hit)
    assert (hit["hunt"], hit["grade"], hit["record"]) == ("netsh-portproxy", "exact", 2)
    assert (hit["file"], hit["host"], hit["evidence"]["EventRecordID"]) == (str(bad), "WS1.office.example", "2")
    assert hit["time"].startswith("2026-11-02T09:30:00")
    assert content["coverage"]["could_not_look"][0]["hunt"] == "portproxy-registry"


def test_a_clean_log_leaves_with_nought_and_says_what_was_not_seen(good: Path) -> None:
    result = hunt("run", good)
    assert result.exit_code == 0
    assert "Looked at 1 records in 1 log(s)" in result.stdout
    assert "could not look: none of the 1 events of its kind carries a SHA-256" in result.stdout


def test_a_damaged_log_leaves_with_three_and_hits_come_first(good: Path, bad: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.evtx"
    damaged.write_bytes(good.read_bytes()[:9_000])
    assert hunt("run", damaged).exit_code == 3
    assert hunt("run", damaged, bad).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing.evtx"], "nothing.evtx: there is no such file or folder"),
        (["run", "{good}", "--pack", "vlot"], "--pack 'vlot' is not known: choose one of volt"),
        (["run", "{good}", "--since", "yesterday"], "--since 'yesterday' is no time"),
        (["run", "{good}", "--fail-on", "never-ever"], "--fail-on"),
        (["run", "{good}", "--baseline", "{good}"], "this is no baseline"),
        (["run", "{good}", "--ioc", "/dev/null"], "holds no SHA-256"),
        (["run", "{good}", "--rules", "nowhere"], "nowhere: there is no such file"),
        (["export", "--to", "qradar"], "choose one of xql"),
        (["export", "--to", "xql", "--hunt", "netsh"], "choose one of netsh-portproxy"),
        (["hashes", "nowhere"], "nowhere: there is no such file"),
    ],
)
def test_a_wrong_command_is_one_line_and_two(good: Path, arguments: list[str], message: str) -> None:
    result = hunt(*[argument.format(good=good) for argument in arguments])
    assert result.exit_code == 2
    assert message in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert result.stderr.startswith("sohoaudit: ")


def test_fail_on_moves_the_line(bad: Path) -> None:
    assert hunt("run", bad, "--fail-on", "urgent").exit_code == 0
    assert hunt("run", bad, "--fail-on", "never").exit_code == 0


def test_the_period_is_kept(bad: Path) -> None:
    # Nothing in the period is nothing looked at.
    assert hunt("run", bad, "--since", "2026-11-03").exit_code == 3
    assert hunt("run", bad, "--since", "2026-11-02", "--until", "2026-11-02T09:30:00Z").exit_code == 1


def test_the_reader_is_told_what_to_switch_on_and_whom_to_call(bad: Path) -> None:
    text = hunt("run", bad).stdout
    assert "91676" in text and "CVE-2021-40539" in text and "JPCERT" in text
    assert "パロアルトネットワークスの脅威防御シグネチャ" in hunt("run", bad, "--language", "ja").stdout


def test_an_allow_list_takes_a_hit_out_and_says_so(bad: Path, tmp_path: Path) -> None:
    rule = tmp_path / "ours.yml"
    rule.write_text(
        "title: our script\nlogsource: {product: windows, category: process_creation}\n"
        "detection:\n  ana: {User: 'OFFICE\\ana'}\n  condition: ana\n"
    )
    result = hunt("run", bad, "--allow", rule)
    assert result.exit_code == 0
    assert "1 hit(s) left out by the allow list" in result.stdout


def test_a_rule_of_ones_own_is_asked_and_an_unknown_modifier_is_named(bad: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    head = "logsource: {product: windows, category: process_creation}\ndetection:\n"
    (folder / "a.yml").write_text(
        f"title: Dir\nname: dir\nlevel: high\n{head}  a: {{CommandLine|contains: ' dir'}}\n  condition: a\n"
    )
    (folder / "b.yml").write_text(f"title: Odd\n{head}  a: {{CommandLine|sounds_like: dir}}\n  condition: a\n")
    result = hunt("run", bad, "--rules", folder, "--format", "json", "--fail-on", "never")
    content = json.loads(result.stdout)
    assert [hit["hunt"] for hit in content["hits"]] == ["dir", "netsh-portproxy"]
    assert (
        "b.yml" in content["coverage"]["rules_left_out"][0]
        and "sounds_like" in content["coverage"]["rules_left_out"][0]
    )
    assert result.exit_code == 3


def test_the_eight_are_listed_with_their_query_numbers() -> None:
    entries = json.loads(hunt("list", "--pack", "volt", "--format", "json").stdout)
    assert [entry["brief_query"] for entry in entries] == list(range(1, 9))
    assert all(grade["exactness"] for entry in entries for grade in entry["grades"])


def test_queries_are_saved_one_a_file(tmp_path: Path) -> None:
    result = hunt("export", "--to", "kusto", "--output", tmp_path / "queries")
    assert result.exit_code == 0
    assert (tmp_path / "queries" / "netsh_portproxy_behaviour.kql").read_text().startswith("// netsh-portproxy")


def test_a_listed_file_on_disk_leaves_with_one(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "x.exe").write_bytes(b"x")
    own = tmp_path.parent / f"{tmp_path.name}.txt"
    own.write_text(hashlib.sha256(b"x").hexdigest())
    result = hunt("hashes", tmp_path, "--ioc", own, "--format", "json")
    assert result.exit_code == 1
    assert [hit["file"] for hit in json.loads(result.stdout)["hits"]] == [str(tmp_path / "x.exe")]
    assert hunt("hashes", tmp_path).exit_code == 0


def test_a_baseline_is_built_and_a_short_one_is_not_believed(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    result = hunt("baseline", "build", good, "--output", path)
    assert result.exit_code == 0 and "too little" in result.stderr
    told = hunt("run", good, "--baseline", path)
    assert told.exit_code == 0 and "no baseline" in told.stdout


def test_without_the_extra_the_remedy_is_named(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "evtx" else real(name, *rest))
    result = hunt("run", good)
    assert result.exit_code == 2
    assert result.stderr.strip() == 'sohoaudit: hunting needs evtx: pip install "sohoaudit[hunt]"'


def test_no_command_opens_a_socket(bad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert hunt("run", bad, "--pack", "all").exit_code == 1
    assert hunt("export", "--to", "xql").exit_code == 0
    assert hunt("hashes", tmp_path).exit_code == 0


def test_importing_the_command_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def watched(name: str, *rest: object, **more: object) -> object:
        assert name.split(".")[0] not in ("sigma", "evtx", "orjson"), f"{name} is imported at the top"
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", watched)
    monkeypatch.delitem(sys.modules, "sohoaudit.cli.hunt")
    importlib.import_module("sohoaudit.cli.hunt")
