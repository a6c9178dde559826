"""`sohoaudit report` and `sohoaudit schema`: what they write, and how wrong input is told."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sohoaudit import document
from sohoaudit.cli.report import report
from sohoaudit.cli.schema import schema
from tests.report.offices import EXPOSED

APP = typer.Typer()
APP.command("report")(report)
APP.command("schema")(schema)
RUNNER = CliRunner()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(document.to_document(EXPOSED)))
    return path


def test_a_saved_audit_is_rendered_again(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "again.html"
    done = RUNNER.invoke(APP, ["report", str(saved), "--format", "html", "--output", str(target)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 things to do today" in target.read_text()


def test_several_formats_go_into_a_folder(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert RUNNER.invoke(APP, ["report", str(saved), "--format", "json,csv", "--output", str(folder)]).exit_code == 0
    assert {path.name for path in folder.iterdir()} == {"audit.json", "audit.csv"}


def test_the_schema_is_printed() -> None:
    done = RUNNER.invoke(APP, ["schema", "audit"])
    assert json.loads(done.stdout) == document.schema()


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (None, [], "audit.json cannot be read (No such file or directory): check the path"),
        ("{", [], "audit.json: this is not JSON: give a file that sohoaudit wrote"),
        ('{"schema_version": 2}', [], "audit.json: written by a newer sohoaudit (schema 2): update this one"),
        ('{"schema_version": 1}', [], "audit.json: scope is missing"),
        ("good", ["--format", "docx"], "there is no format 'docx': choose from csv,"),
        ("good", ["--format", "html,json"], "standard output takes one format"),
        ("good", ["--language", "xx"], "there is no report in 'xx': choose one of en, ja"),
        ("good", ["--output", "/no/such/folder/a.html"], "/no/such/folder/a.html cannot be written (No such file"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line_and_exit_2(tmp_path: Path, content: str | None, words: list[str], said: str) -> None:
    path = tmp_path / "audit.json"
    if content:
        path.write_text(json.dumps(document.to_document(EXPOSED)) if content == "good" else content)
    done = RUNNER.invoke(APP, ["report", str(path), *words])
    assert done.exit_code == 2
    assert done.stderr.startswith("sohoaudit: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_schema_is_one_line_and_exit_2() -> None:
    done = RUNNER.invoke(APP, ["schema", "device"])
    assert (done.exit_code, done.stderr) == (2, "sohoaudit: there is no schema 'device': choose audit\n")
