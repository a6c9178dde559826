"""Files on disk against the lists."""

import hashlib
import os
from pathlib import Path

import pytest

from sohoaudit.hunt.hashes import Scan, wanted
from sohoaudit.hunt.matcher import RuleError
from sohoaudit.hunt.rules import load
from sohoaudit.hunt.run import Coverage, Request, hunt

from .evtx_writer import sysmon, write

BAD = b"a tool of an attacker"
SHA = hashlib.sha256(BAD).hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "deep" / "deeper" / "x.exe").write_bytes(BAD)
    (folder / "good.txt").write_bytes(b"good")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "y.exe").write_bytes(BAD)
    (folder / "link").symlink_to(outside)
    (folder / "z.exe").symlink_to(outside / "y.exe")
    os.mkfifo(folder / "pipe")
    return folder


def test_a_listed_file_is_found_and_no_link_or_pipe_is_followed(tree: Path) -> None:
    scan = Scan({SHA: "ours"})
    found = list(scan.run([tree]))
    assert [(Path(each.path).name, each.source) for each in found] == [("x.exe", "ours")]
    assert scan.files == 2 and scan.unread == []


def test_a_link_given_by_name_is_not_followed_either(tree: Path) -> None:
    assert list(Scan({SHA: "ours"}).run([tree / "z.exe"])) == []


def test_files_above_the_size_are_left_out_and_counted(tree: Path) -> None:
    scan = Scan({SHA: "ours"}, limit_bytes=10)
    assert list(scan.run([tree])) == [] and scan.too_large == 1


def test_another_file_system_is_named_and_not_entered() -> None:
    scan = Scan({}, limit_bytes=-1)
    list(scan.run([Path("/dev")]))
    assert "/dev/shm" in scan.other_file_systems or not os.path.ismount("/dev/shm")


def test_the_briefs_twenty_nine_are_wanted_and_a_users_own(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(f"# ours\n{SHA.upper()}  x.exe\n\n{SHA}\n")
    assert len(wanted([])) == 29
    assert wanted([own])[SHA] == str(own)


@pytest.mark.parametrize("content", ["", "no hash here", "abc123"])
def test_a_list_without_a_hash_is_refused(tmp_path: Path, content: str) -> None:
    own = tmp_path / "own.txt"
    own.write_text(content)
    with pytest.raises(RuleError, match="holds no SHA-256"):
        wanted([own])


def test_a_users_own_list_is_hunted_in_logs_too(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text(SHA)
    log = write(tmp_path / "a.evtx", [
        sysmon(1, Image="C:\\x.exe", CommandLine="x", Hashes=f"MD5=1,SHA256={SHA.upper()}"),
        sysmon(29, Image="C:\\w.exe", TargetFilename="C:\\x.exe", Hashes=f"SHA256={SHA}"),
    ])  # fmt: skip
    hits = list(hunt(Request((log,), load(["volt"], lists=[own])), Coverage()))
    assert [(hit.hunt, hit.grade, hit.reason) for hit in hits] == [
        ("ioc-executed", "exact", "listed"), ("ioc-written", "exact", "listed"),
    ]  # fmt: skip
