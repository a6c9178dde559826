"""Formats are found by their place, and files appear whole or not at all."""

import io
import json
import resource
import signal
import stat
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sohoaudit import document, report
from tests.report.offices import EXPOSED, FORWARDED, HIGH_ONLY, OFFICES

TEXT_FORMATS = [name for name in report.formats() if name != "pdf"]


def test_each_file_of_the_folder_is_a_format() -> None:
    assert report.formats() == (
        "csv", "defectdojo", "html", "json", "jsonl", "markdown", "ocsf", "pdf", "sarif", "text",
    )  # fmt: skip


def test_an_unknown_format_is_told_with_the_list() -> None:
    with pytest.raises(ValueError, match="there is no format 'docx': choose from csv, defectdojo, html"):
        report.write(EXPOSED, "docx", "en", io.BytesIO())


@pytest.mark.parametrize("language", ["", "xx", "../en", "EN"])
def test_an_unknown_language_is_told_with_the_list(language: str) -> None:
    with pytest.raises(ValueError, match="choose one of en, ja"):
        report.write(EXPOSED, "html", language, io.BytesIO())


@pytest.mark.parametrize("name", OFFICES)
@pytest.mark.parametrize("format", TEXT_FORMATS)
def test_every_office_is_written_in_every_format(format: str, name: str) -> None:
    stream = io.BytesIO()
    report.write(OFFICES[name], format, "en", stream)
    stream.getvalue().decode("utf-8")


def test_one_format_and_a_file_name_writes_that_file_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "mine.html"
    assert report.save(EXPOSED, ["html"], "en", target) == [target]
    assert target.read_text().lower().startswith("<!doctype html>")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["mine.html"]


def test_several_formats_are_written_into_the_folder(tmp_path: Path) -> None:
    paths = report.save(EXPOSED, ["html", "json", "csv", "json"], "en", tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["audit.html", "audit.json", "audit.csv"]
    assert document.parse(paths[1].read_bytes()) == EXPOSED


def test_several_formats_and_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file: name a folder for several formats"):
        report.save(EXPOSED, ["html", "json"], "en", tmp_path / "file")


def test_without_an_output_the_files_carry_the_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert report.save(EXPOSED, ["html", "json"], "en", None) == [
        Path("sohoaudit-2026-11-23.html"),
        Path("sohoaudit-2026-11-23.json"),
    ]
    assert report.save(HIGH_ONLY, ["json"], "en", None) == [Path("sohoaudit-demo.json")]


def test_a_dash_is_standard_output_and_takes_one_format(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert report.save(EXPOSED, ["json"], "en", "-") == []
    assert document.parse(capfdbinary.readouterr().out) == EXPOSED
    with pytest.raises(ValueError, match="standard output takes one format"):
        report.save(EXPOSED, ["json", "html"], "en", "-")


def test_a_device_file_is_written_to_and_not_replaced() -> None:
    report.save(EXPOSED, ["json"], "en", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_full_disk_leaves_the_old_report_whole(tmp_path: Path) -> None:
    target = tmp_path / "audit.html"
    target.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, before[1]))
    try:
        with pytest.raises(OSError):
            report.save(FORWARDED, ["html"], "en", target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["audit.html"]


def test_a_report_in_another_language_tells_the_findings_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    guidance = SimpleNamespace(reword=lambda finding, language: replace(finding, title=f"[{language}] {finding.rule}"))
    monkeypatch.setitem(sys.modules, "sohoaudit.knowledge.guidance", guidance)
    monkeypatch.setattr("sohoaudit.knowledge.guidance", guidance, raising=False)
    stream = io.BytesIO()
    report.write(EXPOSED, "json", "ja", stream)
    written = json.loads(stream.getvalue())
    assert written["language"] == "ja"
    assert written["devices"][0]["findings"][1]["title"] == "[ja] exposure.https"


def test_a_language_folder_without_its_file_is_no_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports" / "de" / "rules").mkdir(parents=True)
    monkeypatch.setattr("sohoaudit.report.content.words.shipped", lambda folder: tmp_path / folder)
    with pytest.raises(ValueError, match="there is no report in 'de'"):
        report.write(EXPOSED, "html", "de", io.BytesIO())
