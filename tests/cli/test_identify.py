"""`sohoaudit identify`: one line in, one line out."""

import json

import pytest
import typer
from typer.testing import CliRunner

from sohoaudit.cli.identify import identify

app = typer.Typer()
app.command()(identify)


def run(*arguments: str, given: str = ""):
    return CliRunner().invoke(app, list(arguments), input=given)


def line(name, *observations: tuple[str, str]) -> str:
    return json.dumps({"id": name, "observations": [{"field": field, "value": value} for field, value in observations]})


def answered(result) -> list[dict]:
    return [json.loads(text) for text in result.stdout.splitlines()]


def test_lines_are_answered_in_their_order_and_what_is_not_told_is_null():
    given = "\n".join([line("a", ("http.title", "nothing known")), line(7, ("snmp.sysdescr", "RouterOS RB950Gr9"))])
    result = run("-", given=given)
    first, second = answered(result)
    assert first == {"id": "a", "identity": None}
    assert second["id"] == 7
    assert second["identity"]["vendor"] == "MikroTik"
    assert second["identity"]["model"] == "RB950Gr9"
    assert second["identity"]["firmware"] is None
    assert second["identity"]["certainty"]["vendor"] == "certain"
    assert second["identity"]["evidence"][0]["field"] == "snmp.sysdescr"
    assert result.exit_code == 0


def test_a_file_is_read_as_standard_input_is(tmp_path):
    (tmp_path / "a.jsonl").write_text(line(1, ("ssh.banner", "SSH-2.0-ROSSSH")))
    assert answered(run(str(tmp_path / "a.jsonl")))[0]["identity"]["vendor"] == "MikroTik"


def test_a_line_that_cannot_be_read_is_told_in_its_place_and_the_others_are_answered():
    given = "\n".join(
        [
            "{",
            line("b", ("ssh.banner", "SSH-2.0-ROSSSH")),
            '{"id": 3}',
            '{"id": 4, "observations": [{"field": "x"}]}',
            "[1]",
        ]
    )
    result = run("-", given=given)
    answers = answered(result)
    assert [answer.get("line") for answer in answers] == [1, None, 3, 4, 5]
    assert all("error" in answers[place] for place in (0, 2, 3, 4))
    assert answers[1]["identity"]["vendor"] == "MikroTik"
    assert answers[2]["id"] == 3
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "bad",
    [
        b"\xff{}",
        b'{"id": NaN, "observations": []}',
        b'{"id": 1e999, "observations": []}',
        b'{"id": 1} {}',
        b"[" * 99_999,
    ],
    ids=["no text", "no number", "endless number", "two on a line", "nested without end"],
)
def test_what_json_does_not_know_is_an_error_on_its_line_and_what_comes_out_is_json(bad):
    good = line("é", ("ssh.banner", "SSH-2.0-ROSSSH"))
    result = CliRunner().invoke(app, ["-"], input=b"\xef\xbb\xbf" + good.encode() + b"\n" + bad + b"\n" + good.encode())
    first, second, third = (json.loads(text, parse_constant=pytest.fail) for text in result.stdout.splitlines())
    assert first == third and first["identity"]["vendor"] == "MikroTik"
    assert (second["line"], bool(second["error"])) == (2, True)
    assert result.exit_code == 2


def test_a_value_with_the_word_error_in_it_is_no_error():
    assert run("-", given=line("error", ("http.title", "error"))).exit_code == 0


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path):
    result = run(str(tmp_path / "nowhere.jsonl"))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "nowhere.jsonl cannot be read" in result.stderr


def test_own_fingerprints_are_used_and_their_faults_are_told(tmp_path):
    (tmp_path / "x.yaml").write_text("vendor: Example\nfingerprints:\n  - nme: x\n")
    result = run("-", "--fingerprints", str(tmp_path))
    assert result.exit_code == 2
    assert "x.yaml:3: 'nme' is not a field (did you mean 'name'?)" in result.stderr


def test_what_steers_a_terminal_never_comes_out():
    result = run("-", given=line("a", ("http.title", "NETGEAR Router R9990 \x1b[31m\u202e")))
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
