"""A thousand audits of twenty-five devices: what they weigh, and how long the commands over them take."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from sohoaudit.history.store import History
from tests.history.test_size import AUDITS, MOST_BYTES, office

MOST_RECORD_S = 0.3
MOST_COMMAND_S = 0.5


def seconds(*arguments: str, place: Path) -> float:
    """The median of five runs; `getrusage` would hide what the disk costs."""
    took = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "sohoaudit", *arguments], check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "SOHOAUDIT_HISTORY": str(place)},
        )  # fmt: skip
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def main() -> int:
    place = Path(tempfile.mkdtemp(prefix="sohoaudit-bench-")) / "history.db"
    with History(place) as history:
        records = []
        for day in range(AUDITS):
            seen = office(day)
            started = time.perf_counter()
            history.record(seen)
            records.append(time.perf_counter() - started)
    size = place.stat().st_size
    print(f"{AUDITS} audits of 25 devices: {size / 1e6:.1f} MB (at most {MOST_BYTES / 1e6:.0f})")
    record = statistics.median(records[-100:])
    print(f"to keep one: {record * 1_000:.0f} ms (at most {MOST_RECORD_S * 1_000:.0f})")
    start = seconds("history", "--help", place=place)
    commands = {
        "history list": ("history", "list"),
        "diff": ("diff", "1", str(AUDITS)),
        "verify --dry-run": ("verify", "--all", "--dry-run"),
    }
    above = {name: seconds(*words, place=place) - start for name, words in commands.items()}
    for name, extra in above.items():
        print(f"{name}: {extra:.2f} s above start-up of {start:.2f} s (at most {MOST_COMMAND_S})")
    return int(size > MOST_BYTES or record > MOST_RECORD_S or max(above.values()) > MOST_COMMAND_S)


if __name__ == "__main__":
    sys.exit(main())
