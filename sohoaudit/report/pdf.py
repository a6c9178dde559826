"""The HTML report as PDF, printed by a browser of the Chromium family, else by the extra `weasyprint`."""

import importlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

from ..history.change import Difference
from ..model import Audit
from . import html
from .content.brand import Brand

ENDING = "pdf"
TIMEOUT_S = 180
_BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)  # fmt: skip


def write(
    audit: Audit, language: str, stream: BinaryIO, brand: Brand | None = None, since: Difference | None = None
) -> None:
    """Print the report; the browser's PDF is tagged for screen readers, weasyprint's is not.

    Raises:
        ValueError: neither is installed, or no whole PDF came out.
    """
    with tempfile.TemporaryDirectory(prefix="sohoaudit-", ignore_cleanup_errors=True) as folder:
        page = Path(folder) / "report.html"
        with page.open("wb") as file:
            html.write(audit, language, file, brand, since)
        printed = _by_browser(page)
        if printed is None:
            printed = _by_weasyprint(page)
    if not (printed.startswith(b"%PDF-") and b"%%EOF" in printed[-1_024:]):
        raise ValueError("no whole PDF came out: write --format html and print it from a browser")
    stream.write(printed)


def _by_browser(page: Path) -> bytes | None:
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return None
    result = page.with_suffix(".pdf")
    words = [
        browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-extensions", "--no-pdf-header-footer",
        f"--user-data-dir={page.parent / 'profile'}", f"--print-to-pdf={result}", page.as_uri(),
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.insert(1, "--no-sandbox")  # as root Chromium refuses to start with it; the page is ours and has no script
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=TIMEOUT_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as fault:
        raise ValueError(f"{browser} did not print the report ({type(fault).__name__}): write --format html") from None
    return result.read_bytes() if result.exists() else b""


def _by_weasyprint(page: Path) -> bytes:
    try:
        weasyprint = importlib.import_module("weasyprint")
    except ImportError:
        raise ValueError(
            "pdf needs Chromium, Chrome or Edge, or weasyprint: install one, or write --format html and print it"
        ) from None
    printed: bytes = weasyprint.HTML(filename=str(page), url_fetcher=_nothing).write_pdf()
    return printed


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"the report loads nothing, not even {url}")
