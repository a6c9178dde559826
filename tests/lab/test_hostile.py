"""A network that means harm: the audit ends in bounded time and memory, tells it in coverage, and goes nowhere else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from .hostile import ELSEWHERE, HOSTILE
from .lab import Lab
from .office import DESK_ADDRESS, FINE
from .scanning import INSIDE, Scan, environment, scan

pytestmark = pytest.mark.lab

ENDS_WITHIN_S = 90
PEAK_BYTES = 200 << 20
DOCUMENT_BYTES = 2 << 20
HARMFUL = [device for device in HOSTILE.devices if device is not FINE]
# Controls but for tab and newline, zero-width and bidirectional controls, line and paragraph separators.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@pytest.fixture(scope="module")
def run(hostile_office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One audit of the whole hostile network."""
    return scan(hostile_office, "desk", INSIDE, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def page(run: Scan, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its HTML report."""
    folder = tmp_path_factory.mktemp("page")
    audit = folder / "audit.json"
    audit.write_text(_json(run))
    words = [
        sys.executable,
        "-m",
        "sohoaudit",
        "report",
        str(audit),
        "--format",
        "html",
        "--output",
        str(folder / "page.html"),
    ]
    subprocess.run(words, env=environment(folder), check=True, capture_output=True)
    return (folder / "page.html").read_text(encoding="utf-8")


def test_the_audit_ends_in_bounded_time(run: Scan) -> None:
    assert run.seconds < ENDS_WITHIN_S


def test_the_audit_ends_in_bounded_memory(run: Scan) -> None:
    assert 0 < run.peak_bytes < PEAK_BYTES


def test_the_audit_ends_as_an_audit(run: Scan) -> None:
    assert run.code in (0, 1, 3), run.errors
    assert "Traceback" not in run.errors
    assert run.document["complete"]


@pytest.mark.parametrize("device", HARMFUL, ids=lambda device: device.name)
def test_a_hostile_device_is_in_the_audit_and_nothing_of_ours_failed_on_it(run: Scan, device: object) -> None:
    address = device.address  # type: ignore[attr-defined]
    assert run.device(address) or [gap for gap in run.document["coverage"] if gap["subject"].startswith(address)]
    assert [gap for gap in run.document["coverage"] if gap["subject"].startswith(address) and gap["matters"]] == []


def test_the_device_that_is_fine_is_named_all_the_same(run: Scan) -> None:
    identity = run.device(FINE.address)["identity"]
    assert FINE.tells("model", identity["model"])
    assert FINE.tells("firmware", identity["firmware"])


def test_a_redirect_or_a_location_outside_the_scope_is_not_followed(run: Scan) -> None:
    assert [event for event in run.events if event["device"] == "away" and event["what"] == "request"], (
        "it was never asked"
    )
    assert [packet for packet in run.packets if packet.destination == ELSEWHERE] == []
    assert {packet.destination for packet in run.packets if packet.source == DESK_ADDRESS} <= {
        *(f"192.168.77.{last}" for last in range(1, 255)), "224.0.0.251", "239.255.255.250", "ff02::fb", "ff02::c",
    }  # fmt: skip


def test_a_redirect_loop_is_left_after_a_few_rounds(run: Scan) -> None:
    asked = [event for event in run.events if event["device"] == "loop" and event["what"] == "request"]
    assert 1 <= len(asked) <= 12


def test_no_text_of_a_device_can_steer_a_terminal(run: Scan) -> None:
    steering = [text for text in _texts(run.document) if STEERING.search(text)]
    assert steering == []
    assert any("alert(1)" in text for text in _texts(run.document)), "the nasty words are not in the audit at all"
    assert not STEERING.search(run.errors.replace("\r", ""))


def test_no_text_of_a_device_becomes_part_of_the_page(page: str) -> None:
    assert not re.search(r"<script", page, re.IGNORECASE)
    assert not re.search(r"<img[^>]*onerror", page, re.IGNORECASE)
    assert not STEERING.search(page)


def test_the_audit_stays_small(run: Scan) -> None:
    assert len(_json(run)) < DOCUMENT_BYTES


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _json(run: Scan) -> str:
    return json.dumps(run.document)
