"""What must hold of `sohoaudit lookup`: one device for a person, many for a program, and bad lines said so."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from sohoaudit.cli.lookup import lookup

app = typer.Typer()
app.command()(lookup)


def _run(*words: str, stdin: str | bytes | None = None):
    return CliRunner().invoke(app, list(words), input=stdin)


def _json(*words: str) -> dict:
    answer = _run(*words, "--format", "json")
    assert answer.exit_code == 0
    return json.loads(answer.stdout)


def test_one_device_as_json_holds_what_the_contract_promises():
    answer = _json("tplink", "Archer AX21(US)", "1.1.3 Build 20221125")
    assert (answer["vendor"], answer["model"], answer["known"]) == ("TP-Link", "Archer AX21", True)
    assert set(answer["lifecycle"]) >= {"status", "since"}
    assert answer["latest"]["version"] == "1.1.4 Build 20230219"
    by_id = {one["id"]: one for one in answer["advisories"]}
    found = by_id["CVE-2023-1389"]
    assert (found["applies"], found["fixed_in"], found["known_exploited"]) == ("yes", "1.1.4 Build 20230219", True)
    assert found["why"]


def test_one_device_as_text_reads_like_sentences():
    text = _run("D-Link", "DNS-320L").stdout
    assert text.startswith("D-Link DNS-320L\n")
    assert "support:  out of support" in text
    assert "CVE-2024-3272" in text and "attackers use it" in text


def test_a_version_behind_the_model_counts_as_the_version():
    in_model, apart = _json("NETGEAR", "R7000 V1.0.9.88"), _json("NETGEAR", "R7000", "1.0.9.88")
    assert in_model["advisories"] == apart["advisories"]
    assert "yes" in {one["applies"] for one in apart["advisories"]}


def test_what_is_from_memory_is_said_to_be_probable():
    assert "probably out of support; check the maker's page" in _run("cisco", "rv340").stdout


def test_a_hardware_revision_may_be_given_on_its_own():
    assert _json("TP-Link", "TL-WR841N", "--hardware-revision", "v10")["lifecycle"]["status"] == "end-of-life"
    assert _json("TP-Link", "TL-WR841N")["lifecycle"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("vendor", "model", "meant"),
    [("ASUS", "RT-N66", "ASUS RT-N66U"), ("D-Link", "DIR-645X", "D-Link DIR-645"), ("Netgaer", "R7000", "NETGEAR")],
)
def test_what_is_not_known_brings_suggestions(vendor, model, meant):
    answer = _json(vendor, model)
    assert answer["known"] is False
    assert meant in answer["suggestions"]
    assert "did you mean" in _run(vendor, model).stdout


def test_a_model_of_a_series_alone_is_not_called_known():
    answer = _json("ASUS", "RT-ZZ99")
    assert answer["known"] is False
    assert {one["applies"] for one in answer["advisories"]} <= {"unknown", "no"}


def test_many_devices_come_back_in_order_one_a_line(tmp_path):
    asked = [
        {"id": 1, "vendor": "netgear", "model": "R7000", "version": "V1.0.4.30_1.1.67"},
        {"id": "b", "vendor": "Zyxel", "model": "NAS326"},
        {"id": None, "vendor": "DrayTek", "model": "Vigor3900", "version": None, "hardware_revision": None},
    ]
    file = tmp_path / "devices.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in asked))
    answer = _run("--input", str(file))
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert answer.exit_code == 0
    assert [line["id"] for line in lines] == [1, "b", None]
    assert [line["vendor"] for line in lines] == ["NETGEAR", "Zyxel", "DrayTek"]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        '{"id": NaN, "vendor": "x", "model": "y"}',
        "[]",
        '{"vendor": 5, "model": "x"}',
        '{"vendor": "x"}',
        '{"vendor":"x","model":"y","version":7}',
        "[" * 100_000,
    ],
    ids=["no JSON", "no number", "no object", "no text", "no model", "version no text", "nested without end"],
)
def test_a_bad_line_brings_an_error_with_its_number_and_the_others_are_answered(bad):
    good = json.dumps({"id": 1, "vendor": "Zyxel", "model": "NAS326"})
    answer = _run("--input", "-", stdin=f"{good}\n{bad}\n{good}\n")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert answer.exit_code == 2
    assert [line.get("line") for line in lines] == [None, 2, None]
    assert lines[1]["error"] and lines[2]["known"] is True


def test_half_a_character_and_escapes_are_survived():
    line = json.dumps({"id": "\ud800", "vendor": "Zyxel\x1b[2J", "model": "NAS326"})
    answer = _run("--input", "-", stdin=line)
    assert answer.exit_code == 0 and json.loads(answer.stdout)["id"] == "\ud800"
    assert "\x1b" not in _run("Zyxel", "NAS\x1b[2J").stdout


def test_bytes_that_are_no_text_are_survived():
    answer = _run("--input", "-", stdin=b'\xff\xfe{"vendor"\n')
    assert answer.exit_code == 2 and json.loads(answer.stdout)["line"] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say which device"),
        (["Zyxel"], "say which device"),
        (["Zyxel", "NAS326", "--format", "xml"], "use text or json"),
        (["Zyxel", "NAS326", "--input", "-"], "not both"),
        (["--input", "/no/such/file"], "/no/such/file: cannot be read: no such file"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_2(words, told):
    answer = _run(*words)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("sohoaudit: ") and told in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_the_command_can_be_registered_without_loading_yaml():
    script = "import sys; import sohoaudit.cli.lookup; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
