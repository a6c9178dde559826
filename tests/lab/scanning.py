"""Runs the `sohoaudit` command on a host of the lab, watched from the wire and from the devices."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import sohoaudit

from .capture import Capture, Packet
from .lab import Lab

INSIDE = ("192.168.77.0/24",)
OUTSIDE = ("203.0.113.7", "--vantage", "internet", "--authorized", "the lab's owner")
LONGEST_S = 180


@dataclass(frozen=True, slots=True)
class Scan:
    """One finished run: its exit code and words, its audit, what it sent, what the responders saw, what it cost.

    `seconds` is the life of the process, `seconds_on_wire` from its first packet to its end.
    """

    code: int
    errors: str
    packets: list[Packet] = field(repr=False)
    events: list[dict] = field(repr=False)
    seconds: float
    seconds_on_wire: float
    peak_bytes: int
    document: dict = field(default_factory=dict, repr=False)

    def device(self, address: str) -> dict | None:
        """The device that has this address, or None."""
        return next((device for device in self.document["devices"] if address in device["addresses"]), None)


def scan(lab: Lab, host: str, targets: tuple[str, ...], folder: Path, stop: "Stop | None" = None) -> Scan:
    """Run `sohoaudit scan TARGETS` to its end on a host of the lab; with `stop` it is interrupted on the way.

    An audit that was not written is an empty document.
    """
    output = folder / "audit.json"
    words = [sys.executable, "-m", "sohoaudit", "scan", *targets, "--yes", "--format", "json", "--output", str(output)]
    done = watched(lab, host, words, folder, stop)
    return replace(done, document=json.loads(output.read_text())) if output.exists() else done


def watched(
    lab: Lab, host: str, words: list[str], folder: Path, stop: "Stop | None" = None, longest_s: float = LONGEST_S
) -> Scan:
    """Run any command on a host of the lab while the wire, the devices and its memory are watched."""
    with Capture(lab, host, folder / "wire.frames") as seen, (folder / "errors").open("w+") as errors:
        began, peak_bytes = time.monotonic(), 0
        process = subprocess.Popen(
            lab.command(host, *words),
            env=environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, cwd=folder,
        )  # fmt: skip
        try:
            while process.poll() is None and time.monotonic() - began < longest_s:
                peak_bytes = max(peak_bytes, peak_of(process.pid))
                if stop and not stop.sent_at and stop.when():
                    process.send_signal(stop.signal)
                    stop.sent_at = time.monotonic()
                time.sleep(0.02)
        finally:
            ended, ended_on_clock = time.monotonic(), time.time()
            if stop:
                stop.ended_at = ended
            process.kill()
            process.wait()
        errors.seek(0)
        said = errors.read()
    packets = seen.packets()
    events = [event for event in lab.events() if began <= event["t"] <= ended]
    on_wire = ended_on_clock - packets[0].time if packets else 0.0
    return Scan(process.returncode, said, packets, events, ended - began, on_wire, peak_bytes)


@dataclass(slots=True)
class Stop:
    """A signal that is sent once `when` says so, and when it was sent and answered (monotonic seconds)."""

    signal: signal.Signals
    when: Callable[[], bool]
    sent_at: float = 0.0
    ended_at: float = 0.0


def environment(folder: Path) -> dict[str, str]:
    """What the command sees: this very sohoaudit, no home of a person, no colours, one order of sets.

    What is worked out once (compiled modules, fingerprints) is shared by the runs of a session, beside their folders.
    """
    here, shared = str(Path(sohoaudit.__file__).parents[1]), str(folder.parent / "worked-out-once")
    own = {f"XDG_{kind}_HOME": str(folder) for kind in ("CONFIG", "DATA", "STATE")} | {"HOME": str(folder)}
    own |= {"XDG_CACHE_HOME": shared, "PYTHONPYCACHEPREFIX": shared, "PYTHONPATH": here}
    return os.environ | own | {"NO_COLOR": "1", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": ""}


def peak_of(pid: int) -> int:
    """The most memory a living process held so far, in bytes; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM")), 0)
