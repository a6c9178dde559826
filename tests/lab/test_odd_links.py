"""Whole audits by raw packets where something is odd: no right, a helper that dies, links that go down or lie.

Each has a little office of its own, and they run side by side. Nothing is lost, and what happened is said once.
"""

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .namespaces import ip
from .relay import Line
from .scanning import Scan, Stop, scan
from .wire import ASKER, Wire, open_ports, standing

pytestmark = pytest.mark.lab

HOST, MAC = "10.78.0.30", "02:00:78:00:00:30"
OPEN = (22, 443, 8_888)
CLOSED = tuple(range(2_000, 2_030))
WORDS = (HOST, "--sweep", "syn", "--ports", ",".join(map(str, (443, 22, *CLOSED, 8_888))))
NO_RIGHT = ("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw")


def without_right(wire: Wire, folder: Path) -> Scan:
    plain = wire.command
    wire.command = lambda host, *words: plain(host, *NO_RIGHT, *words) if "sohoaudit" in words else plain(host, *words)  # type: ignore[method-assign]
    return scan(wire, "asker", WORDS, folder)  # type: ignore[arg-type]


def with_a_helper_that_is_killed(wire: Wire, folder: Path) -> Scan:
    return scan(wire, "asker", WORDS, folder, _once(folder, lambda: _kill_helper(wire)))  # type: ignore[arg-type]


def on_an_interface_that_goes_down(wire: Wire, folder: Path) -> Scan:
    def down() -> None:
        ip(["link set eth0 down"], wire.asker)

    longer = (*WORDS[:-1], f"{WORDS[-1]},2100-2160")
    return scan(wire, "asker", longer, folder, _once(folder, down))  # type: ignore[arg-type]


def on_a_link_without_arp(wire: Wire, folder: Path) -> Scan:
    ip([f"link set eth0 address {MAC}", "link set eth0 arp off"], wire.office)
    ip([f"neigh replace {HOST} lladdr {MAC} nud permanent dev eth0"], wire.asker)
    show = wire.command("asker", "cat", "/sys/class/net/eth0/address")
    told = subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip()
    ip([f"neigh replace {ASKER} lladdr {told} nud permanent dev eth0"], wire.office)
    return scan(wire, "asker", WORDS, folder)  # type: ignore[arg-type]


def through_a_tunnel(wire: Wire, folder: Path) -> Scan:
    return scan(wire, "asker", WORDS, folder)  # type: ignore[arg-type]


def where_large_frames_vanish(wire: Wire, folder: Path) -> Scan:
    (folder / "index.html").write_text("<title>Large</title>" + "x" * 30_000)
    serve = [sys.executable, "-m", "http.server", "8000", "--directory", str(folder)]
    server = subprocess.Popen(wire.command("office", *serve), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    wire.be(Line(longest_bytes=600))
    try:
        return scan(wire, "asker", (*WORDS[:-1], f"8000,{WORDS[-1]}"), folder)  # type: ignore[arg-type]
    finally:
        server.kill()
        server.wait()


ODDITIES: tuple[Callable[[Wire, Path], Scan], ...] = (
    without_right, with_a_helper_that_is_killed, on_an_interface_that_goes_down, on_a_link_without_arp,
    through_a_tunnel, where_large_frames_vanish,
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scan]:
    base = tmp_path_factory.getbasetemp()

    def audit(odd: Callable[[Wire, Path], Scan]) -> Scan:
        folder = base / f"odd-{odd.__name__}"
        folder.mkdir()
        kind = "tun" if odd is through_a_tunnel else "tap"
        with standing(odd.__name__[-12:], [HOST], list(OPEN), kind=kind) as wire:
            return odd(wire, folder)

    with ThreadPoolExecutor(3) as side_by_side:
        return dict(zip((odd.__name__ for odd in ODDITIES), side_by_side.map(audit, ODDITIES), strict=True))


def _told(run: Scan) -> list[str]:
    return [gap["reason"] for gap in run.document["coverage"] if gap["subject"] == "raw packets"]


def _open(run: Scan) -> set[int]:
    return {service["port"] for service in (run.device(HOST) or {"services": []})["services"]}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("without_right", "need a right"),
        ("with_a_helper_that_is_killed", "the raw helper stopped"),
        ("on_a_link_without_arp", "not seen here"),
        ("through_a_tunnel", "no Ethernet or Wi-Fi link"),
    ],
)
def test_without_raw_packets_nothing_is_lost_and_the_reason_is_said_once(
    runs: dict[str, Scan], odd: str, said: str
) -> None:
    run = runs[odd]
    assert set(OPEN) <= _open(run)
    assert len(_told(run)) == 1
    assert said in _told(run)[0]
    assert "Traceback" not in run.errors


def test_a_missing_right_is_said_once_on_the_terminal_before_anything_is_sent(runs: dict[str, Scan]) -> None:
    assert runs["without_right"].errors.count("need a right") == 1


def test_an_interface_that_goes_down_ends_the_audit_with_what_was_seen_and_a_gap(runs: dict[str, Scan]) -> None:
    run = runs["on_an_interface_that_goes_down"]
    assert run.seconds_on_wire < 60
    assert "Traceback" not in run.errors
    assert 443 in _open(run)
    assert any(HOST in gap["subject"] and "stopped answering" in gap["reason"] for gap in run.document["coverage"])


def test_a_link_that_swallows_large_frames_costs_a_page_and_not_the_audit(runs: dict[str, Scan]) -> None:
    run = runs["where_large_frames_vanish"]
    assert run.seconds_on_wire < 90
    assert {*OPEN, 8_000} <= _open(run)
    assert any(f"{HOST}:8000" in gap["subject"] for gap in run.document["coverage"])


def test_answers_whose_checksum_the_card_never_filled_in_are_believed_by_their_cookie(tmp_path: Path) -> None:
    with standing("checksum", [HOST], list(OPEN), kind="veth") as wire, wire.watch(tmp_path / "frames"):
        found = wire.sweep(hosts=[HOST], ports=[*OPEN, *CLOSED], way="syn")
    sums = list(_checksums((tmp_path / "frames").read_bytes()))
    assert [is_right for source, is_right in sums if source == HOST].count(False) >= len(OPEN), "they were right"
    assert all(is_right for source, is_right in sums if source == f"{ASKER} raw")
    assert (found["way"], open_ports(found["states"])) == ("syn", {(HOST, port) for port in OPEN})


def _once(folder: Path, act: Callable[[], object]) -> Stop:
    """Acts once the sweep is under way, and stops nothing."""
    began = time.monotonic()
    done: list[bool] = []

    def when() -> bool:
        wire_file = folder / "wire.frames"
        if not done and wire_file.exists() and wire_file.stat().st_size > 3_000 and time.monotonic() - began > 1:
            done.append(True)
            act()
        return False

    return Stop(signal.SIGTERM, when)


def _kill_helper(wire: Wire) -> None:
    inside = subprocess.run(["ip", "netns", "pids", wire.asker], capture_output=True, text=True, check=True)
    for pid in inside.stdout.split():
        with contextlib.suppress(OSError):
            if b"/sweep/raw.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)


def _checksums(records: bytes) -> Iterator[tuple[str, bool]]:
    """Of each TCP segment without data: whose it is (the asker's raw ones by their source port), whether its sum is."""
    place = 0
    while place < len(records):
        _, length = struct.unpack_from("!dH", records, place)
        frame, place = records[place + 10 : place + 10 + length], place + 10 + length
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        segment = frame[34 : 14 + int.from_bytes(frame[16:18])]
        pseudo = frame[26:34] + struct.pack("!HH", 6, len(segment)) + segment + b"\0" * (len(segment) % 2)
        total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        is_raw = frame[26:30] == bytes(map(int, ASKER.split("."))) and int.from_bytes(segment[:2]) >= 61_000
        yield (f"{ASKER} raw" if is_raw else ".".join(map(str, frame[26:30]))), total == 0xFFFF
