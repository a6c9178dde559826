"""How long ten thousand devices take to become one HTML file, beside bare jinja2 writing the same bytes.

The goals: at most four times bare jinja2, under 200 MB, at most 6 kB a device; a thousand devices open in Chromium
within a second. Bare jinja2 is given the finished page taken apart (`bare_page.py`): its tags stand in the template,
every text between two tags is a value that it looks up and escapes, and what it writes is the same page byte
for byte. Rounds are interleaved and each runs in a process of its own, so that memory is its own as well; the time is
processor time, the page's alone, without reading the audit or taking the page apart.
"""

# ruff: noqa: E402  # `make bench` runs this file as it is, so it must first say where the project stands
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from sohoaudit import document, report
from sohoaudit.report import html
from tests.benchmarks.bare_page import Yardstick
from tests.report.offices import many

ROUNDS = 3
DEVICES, OPENED = 10_000, 1_000
GOAL_RATIO, GOAL_BYTES, GOAL_DEVICE_BYTES, GOAL_OPEN_S = 4.0, 200_000_000, 6_000, 1.0
CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    """Run the rounds, print the table, then open a thousand devices."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        report.save(many(DEVICES), ["json"], "en", page.with_suffix(".json"))
        rounds = [(_apart("ours", page), _apart("bare", page)) for _ in range(ROUNDS)]
        ours, bare = zip(*rounds, strict=True)
        print(f"{DEVICES:,} devices to one HTML file, beside bare jinja2 writing that file again, byte for byte")
        print(f"{ROUNDS} interleaved rounds, each a process of its own; seconds of processor time")
        print(f"{'':<16}{'min s':>8}{'median s':>10}{'max s':>8}{'peak MB':>9}{'MB written':>12}")
        for name, runs in (("sohoaudit html", ours), ("bare jinja2", bare)):
            seconds = [run["seconds"] for run in runs]
            print(
                f"{name:<16}{min(seconds):>8.2f}{statistics.median(seconds):>10.2f}{max(seconds):>8.2f}"
                f"{max(run['peak'] for run in runs) / 1e6:>9.0f}{runs[0]['bytes'] / 1e6:>12.1f}"
            )
        ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in rounds)
        print(f"ratio {ratio:.1f} (goal {GOAL_RATIO:g}), peak goal {GOAL_BYTES / 1e6:.0f} MB")
        print(f"bytes a device {ours[0]['bytes'] / DEVICES:,.0f} (goal {GOAL_DEVICE_BYTES:,})")
        opened = _opened(Path(folder))
        print(f"{OPENED:,} devices open in Chromium: {', '.join(f'{s:.2f}' for s in opened)} s (goal {GOAL_OPEN_S:g})")


def _apart(what: str, page: Path) -> dict[str, float]:
    words = [sys.executable, __file__, what, str(page)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _measure(what: str, page: Path) -> None:
    """One run in this process: our page, or bare jinja2 writing that page again."""
    if what == "ours":
        # Read from a file, so that no two devices share a part in memory, as in a real audit.
        office = document.parse(page.with_suffix(".json").read_bytes())
        started = time.process_time()
        with page.open("wb") as stream:
            html.write(office, "en", stream)
        seconds = time.process_time() - started
    else:
        ours = page.read_text(encoding="utf-8")
        yardstick, page = Yardstick(ours), page.with_suffix(".bare")
        started = time.process_time()
        with page.open("wb") as stream:
            pieces = yardstick.generate()
            while some := list(islice(pieces, 2_000)):
                stream.write("".join(some).encode())
        seconds = time.process_time() - started
        if page.read_text(encoding="utf-8") != ours:
            raise SystemExit("bench_report: bare jinja2 wrote another page")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    print(json.dumps({"seconds": seconds, "peak": peak, "bytes": page.stat().st_size}))


def _opened(folder: Path) -> list[float]:
    """Seconds from asking for a page of a thousand devices to its load event, in a fresh tab each."""
    from playwright.sync_api import sync_playwright

    page = folder / "thousand.html"
    with page.open("wb") as stream:
        html.write(many(OPENED), "en", stream)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        seconds = []
        for _ in range(ROUNDS):
            tab = browser.new_page()
            tab.goto(page.as_uri())
            seconds.append(tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1_000)
            tab.close()
        browser.close()
    return seconds


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
