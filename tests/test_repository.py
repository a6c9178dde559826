"""What holds for every file that is tracked."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Names of notes that only their author had, in two halves so that this file does not name them itself.
NOTES = re.compile(
    "device-" + r"facts|\.\./sha" + r"red|/wo" + r"rk/|researc" + r"h(?:/|:|`)|\b(?:ux|perf|libs|lab)\.m" + "d"
)


def test_no_file_points_to_notes_that_its_reader_does_not_have():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in filter(None, listed.split("\0"))
        if (ROOT / name).is_file()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if NOTES.search(line)
    ]
    assert found == []
