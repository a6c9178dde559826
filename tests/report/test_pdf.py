"""Where nothing can print, the PDF fails loudly and leaves no file; tests/browser holds what it must contain."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from sohoaudit import report
from sohoaudit.report import pdf
from tests.report.offices import EXPOSED


def test_without_browser_and_weasyprint_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ValueError, match="pdf needs Chromium, Chrome or Edge, or weasyprint: install one"):
        pdf.write(EXPOSED, "en", io.BytesIO())


@pytest.mark.parametrize("printed", ["", "%PDF-1.4 cut short"])
def test_half_a_pdf_is_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str) -> None:
    fake = tmp_path / "chromium"
    body = printed.replace("%", "%%")
    loop = f"for word; do case $word in --print-to-pdf=*) printf '{body}' > ${{word#*=}};; esac; done"
    fake.write_text(f"#!/bin/sh\n{loop}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    target = tmp_path / "out" / "audit.pdf"
    target.parent.mkdir()
    with pytest.raises(ValueError, match="no whole PDF came out"):
        report.save(EXPOSED, ["pdf"], "en", target)
    assert list(target.parent.iterdir()) == []


def test_a_browser_that_fails_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*words: object, **more: object) -> None:
        raise subprocess.CalledProcessError(1, "chromium")

    monkeypatch.setattr(pdf.shutil, "which", lambda name: "/usr/bin/chromium")
    monkeypatch.setattr(pdf.subprocess, "run", fails)
    with pytest.raises(ValueError, match="did not print the report"):
        pdf.write(EXPOSED, "en", io.BytesIO())
