"""The page in a real Chromium: it opens from a file alone, reads for everyone, and prints whole."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from sohoaudit import document, report
from sohoaudit.model import Audit
from sohoaudit.report.content.brand import read as read_brand
from sohoaudit.report.content.redact import redacted
from sohoaudit.report.content.words import words
from tests.report.assessed import offices
from tests.report.offices import FORWARDED, HOSTILE, OFFICES, audit, hostile, many

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 320, "height": 640}},
    "phone-dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    "zoom-200": {"viewport": {"width": 640, "height": 512}},
    "forced-colours": {"forced_colors": "active"},
    "print": {},
}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def opened(
        office: Audit, language: str = "en", before: Callable[[Page], None] = lambda page: None, **look: Any
    ) -> Page:
        file = tmp_path / f"{len(contexts)}.html"
        with file.open("wb") as stream:
            report.write(replace(office, language=language), "html", language, stream)
        contexts.append(browser.new_context(**look))
        page = contexts[-1].new_page()
        before(page)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()


def open_all(page: Page) -> None:
    """Open every fold: axe does not look inside closed ones, nor judge what is laid out lazily."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.evaluate("document.styleSheets[0].insertRule('.card,.chunk{content-visibility:visible!important}')")


@pytest.mark.parametrize("name", ["forwarded", "nobody"])
def test_it_opens_from_a_file_with_one_request_and_no_word_on_the_console(open_page: Open, name: str) -> None:
    requests: list[str] = []
    said: list[str] = []

    def listen(page: Page) -> None:
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))

    page = open_page(OFFICES[name], before=listen)
    page.wait_for_timeout(300)
    assert [url.rpartition("/")[2] for url in requests] == ["0.html"]
    assert said == []


def test_it_works_where_scripts_are_off(open_page: Open) -> None:
    page = open_page(FORWARDED, java_script_enabled=False)
    page.locator("#device-2 > summary").click()
    assert page.get_by_text("Hikvision").last.is_visible()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_runs_nothing_asks_for_nothing_and_does_not_burst_the_page(open_page: Open, text: str) -> None:
    requests: list[str] = []
    happened: list[str] = []

    def listen(page: Page) -> None:
        page.on("request", lambda request: requests.append(request.url))
        page.on("dialog", lambda dialog: happened.append(dialog.message))
        page.on("console", lambda message: happened.append(message.text))

    page = open_page(hostile(text), before=listen, viewport={"width": 320, "height": 640})
    open_all(page)
    page.mouse.move(160, 300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert len(requests) == 1
    assert happened == []


@pytest.mark.parametrize("name", ["forwarded", "clean", "incomplete"])
def test_every_internal_link_lands_on_something_visible(open_page: Open, name: str) -> None:
    page = open_page(OFFICES[name])
    targets = page.evaluate("[...new Set([...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1)))]")
    assert len(targets) >= 6
    for target in targets:
        page.evaluate("target => { location.hash = target }", target)
        assert page.evaluate("target => document.getElementById(target)?.checkVisibility()", target), target


def test_a_link_to_a_device_opens_its_folded_card(open_page: Open) -> None:
    page = open_page(FORWARDED)
    inside = page.locator("#device-2 .finding").first
    assert not inside.is_visible()
    page.locator("#device-2 > summary").click()
    assert inside.is_visible()


def test_the_filter_shows_only_the_devices_of_one_priority(open_page: Open) -> None:
    page = open_page(OFFICES["many"])
    rows = page.locator(".inventory tbody tr:visible")
    everything = rows.count()
    page.get_by_label("Urgent", exact=True).check()
    assert 0 < rows.count() < everything
    page.get_by_label("all", exact=True).check()
    assert rows.count() == everything


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["forwarded", "compromised", "many"])
def test_the_first_thing_to_do_is_seen_without_scrolling(open_page: Open, name: str, language: str) -> None:
    page = open_page(OFFICES[name], language, viewport={"width": 1000, "height": 1400})
    check = page.locator(".task").first.locator(".check").bounding_box()
    assert check
    assert check["y"] + check["height"] < 1400


@pytest.mark.parametrize("width", [320, 390, 640, 1000])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_width_makes_the_page_scroll_sideways(open_page: Open, width: int, language: str) -> None:
    for name in ("forwarded", "incomplete"):
        page = open_page(OFFICES[name], language, viewport={"width": width, "height": 700})
        open_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


@pytest.mark.parametrize(
    ("name", "language", "look"),
    [
        *(("forwarded", "en", look) for look in LOOKS),
        *(("forwarded", "ja", look) for look in ("light", "dark", "phone")),
        ("clean", "en", "light"),
        ("nobody", "en", "light"),
        ("many", "en", "light"),
    ],
)
def test_axe_finds_nothing(open_page: Open, name: str, language: str, look: str) -> None:
    office = audit(*OFFICES["many"].devices[:9]) if name == "many" else OFFICES[name]
    page = open_page(office, language, **LOOKS[look])
    if look == "print":
        page.emulate_media(media="print")
    open_all(page)
    violations, unsure = axe(page)
    assert violations == []
    assert unsure == []


LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="48"><rect width="160" height="48"/></svg>'
BRAND = """\
name: Sato Care
logo: logo.svg
colour: "#0b6e4f"
contact: [Telephone 03-1234-5678, "https://care.example/"]
"""


@pytest.mark.parametrize("look", ["light", "dark", "phone", "print"])
def test_a_branded_copy_for_sharing_shows_its_logo_and_axe_finds_nothing(
    browser: Browser, tmp_path: Path, look: str
) -> None:
    (tmp_path / "logo.svg").write_text(LOGO)
    (tmp_path / "brand.yaml").write_text(BRAND)
    file = tmp_path / "page.html"
    report.save(redacted(FORWARDED, b"k" * 32), ["html"], "en", file, read_brand(tmp_path / "brand.yaml"))
    context = browser.new_context(**LOOKS[look])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    if look == "print":
        page.emulate_media(media="print")
    assert page.evaluate("document.querySelector('.brand img').naturalWidth") == 160
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_text("Made for sharing.").first.is_visible()
    open_all(page)
    assert axe(page) == ([], [])
    assert said == []
    context.close()


def axe(page: Page) -> tuple[list[Any], list[Any]]:
    """What axe objects to, and what it could not tell.

    Left out is what it cannot tell by design: the contrast of text that lies over a line of the map or outside the
    part of a table that its scroll region shows; both have the colours of the text around them.
    """
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(
        """async tags => {
            const found = await axe.run({runOnly: {type: 'tag', values: tags}});
            const said = rule => rule.nodes.map(node => [rule.id, node.html.slice(0, 160)]);
            const byDesign = (rule, node) => rule.id === 'color-contrast'
                && document.querySelector(node.target[0]).closest('svg, .scroll');
            const left = rule => ({id: rule.id, nodes: rule.nodes.filter(node => !byDesign(rule, node))});
            return [axe.version, found.violations.flatMap(said), found.incomplete.map(left).flatMap(said)];
        }""",
        TAGS,
    )
    assert found[0] >= "4.10"
    return found[1], found[2]


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", ["clean", "exposed", "forwarded", "compromised"])
def test_axe_finds_nothing_on_what_people_get(open_page: Open, name: str, language: str) -> None:
    page = open_page(offices(language)[name], language, color_scheme="dark" if language == "ja" else "light")
    open_all(page)
    assert axe(page) == ([], [])


def test_axe_does_find_what_is_wrong(open_page: Open) -> None:
    page = open_page(FORWARDED)
    open_all(page)
    page.evaluate("document.styleSheets[0].insertRule('.card dd{color:#bbb}', document.styleSheets[0].cssRules.length)")
    assert "color-contrast" in [rule for rule, _ in axe(page)[0]]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_pdf_is_tagged_begins_with_the_verdict_and_holds_every_finding(tmp_path: Path, language: str) -> None:
    path = tmp_path / "audit.pdf"
    report.save(replace(FORWARDED, language=language), ["pdf"], language, path)
    about = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert "Tagged:          yes" in about
    first = _text_of(path, "-l", "1")
    assert ("3 things to do today" in first) if language == "en" else ("行うこと：今日3件" in first.replace(" ", ""))
    whole = _text_of(path)
    for device in FORWARDED.devices:
        for finding in device.findings:
            assert "".join(finding.title.split()) in whole
            assert "".join(finding.id.split()) in whole


@pytest.fixture(scope="module")
def demo_office() -> Audit:
    command = [sys.executable, "-m", "sohoaudit", "demo", "--quiet", "--format", "json", "--output", "-"]
    return document.parse(subprocess.run(command, capture_output=True, check=False).stdout)


def test_the_printed_report_gives_the_address_of_what_it_cites(tmp_path: Path) -> None:
    report.save(FORWARDED, ["pdf"], "en", tmp_path / "audit.pdf")
    whole = _text_of(tmp_path / "audit.pdf")
    assert "https://www.cisa.gov/news-events/directives/binding-operational-directive-23-02" in whole
    assert "CVE-2021-34991" in whole and "www.cve.org" in whole


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_what_the_owner_reads_is_one_sheet_of_paper(
    browser: Browser, tmp_path: Path, demo_office: Audit, language: str, paper: str
) -> None:
    begins = words(language)("map.title").replace(" ", "")
    for name, office in {**offices(language), "demo": demo_office}.items():
        report.save(office, ["html"], language, tmp_path / "page.html")
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        page.pdf(path=tmp_path / "page.pdf", format=paper)
        page.close()
        first, second = (_lines_of(tmp_path / "page.pdf", number) for number in (1, 2))
        assert words(language)("fine.title").replace(" ", "") in first, (name, first)
        assert begins in second and begins not in first, (name, second)


def _lines_of(path: Path, number: int) -> list[str]:
    text = subprocess.run(
        ["pdftotext", "-f", str(number), "-l", str(number), path, "-"], capture_output=True, text=True, check=True
    ).stdout
    return [line.replace(" ", "") for line in text.splitlines()]


def _text_of(path: Path, *words: str) -> str:
    text = subprocess.run(["pdftotext", *words, path, "-"], capture_output=True, text=True, check=True).stdout
    return " ".join(text.split()) if words else "".join(text.split())


def test_a_thousand_devices_open_quickly(open_page: Open) -> None:
    page = open_page(many(1_000))
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert loaded < 3_000  # milliseconds; about 500 on an idle machine
