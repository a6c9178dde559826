"""Makes pictures of the report in every look, for people to look at: `python -m tests.browser.shots [FOLDER]`."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

from sohoaudit import report
from tests.browser.test_page import CHROMIUM, LOOKS, QUIET
from tests.report.assessed import offices
from tests.report.offices import OFFICES

# Looks that no office of the real rules shows.
MADE_UP = {name: OFFICES[name] for name in ("incomplete", "nobody", "many")}


def main(folder: Path) -> None:
    """Write OFFICE-LANGUAGE-LOOK.png, and the pages of the printed report, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for language in ("en", "ja"):
            for name, office in (offices(language) | MADE_UP).items():
                stem = folder / f"{name}-{language}"
                html, pdf = stem.with_suffix(".html"), stem.with_suffix(".pdf")
                report.save(replace(office, language=language), ["html"], language, html)
                for look, options in LOOKS.items():
                    context = browser.new_context(**options)
                    page = context.new_page()
                    page.goto(html.resolve().as_uri())
                    if look == "print":
                        page.pdf(path=pdf, format="A4", tagged=True)
                        subprocess.run(["pdftoppm", "-r", "70", "-png", pdf, f"{stem}-print"], check=True)
                    else:
                        page.screenshot(path=f"{stem}-{look}.png", full_page=True)
                    context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "shots"))
