"""The wheel as people install it carries every file of knowledge, and all of it is small."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    words = ("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, "-m", *words, str(ROOT)], check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("sohoaudit-*.whl")
    return zipfile.ZipFile(built)


def test_every_tracked_file_of_knowledge_is_in_it(wheel: zipfile.ZipFile) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "fingerprints", "reports"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    tracked = {f"sohoaudit/data/{name}" for name in filter(None, listed.split("\0"))}
    assert len(tracked) > 100
    assert tracked - set(wheel.namelist()) == set()


def test_a_full_set_of_knowledge_is_under_a_megabyte_compressed(wheel: zipfile.ZipFile) -> None:
    sizes = [item.compress_size for item in wheel.infolist() if item.filename.startswith("sohoaudit/data/")]
    assert 100_000 < sum(sizes) < MOST_BYTES
