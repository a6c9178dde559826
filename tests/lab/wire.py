"""An asker and a small office of addresses with a bad line between them, for tests of how ports are swept."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from .capture import Capture
from .namespaces import LabError, inside, ip, nft
from .relay import Line

ASKER = "10.78.0.1"
HERE = Path(__file__).resolve().parents[2]


class Wire:
    """Two namespaces and a relay; `command` makes it a lab to the capture and to `watched`.

    Every address of the office listens on the same ports; what is open where is said by its rules.
    """

    def __init__(self, name: str) -> None:
        self.asker, self.office = (f"wire{os.getpid()}-{name}-{side}" for side in ("a", "b"))
        self.folder = Path("/nonexistent")
        self._listening: list[socket.socket] = []
        self._relay: subprocess.Popen[str] | None = None

    def up(self, hosts: list[str], listening: list[int], rules: str = "") -> None:
        """Build it over a perfect line.

        Args:
            hosts: the addresses of the office, inside 10.78.0.0/24.
            listening: the TCP ports at which the kernel answers; nobody ever speaks there.
            rules: the office's nftables.
        """
        ip(f"netns add {name}" for name in (self.asker, self.office))
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "lab.relay", self.asker, self.office], cwd=HERE / "tests", text=True,
            env=os.environ | {"PYTHONPATH": str(HERE)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._relay.stdout
        if self._relay.stdout.readline() != "ready\n":
            raise LabError("the relay did not start: is there /dev/net/tun?")
        ip([f"addr add {ASKER}/24 dev eth0", "link set eth0 up", "link set lo up"], self.asker)
        ip([*(f"addr add {host}/24 dev eth0" for host in hosts), "link set eth0 up", "link set lo up"], self.office)
        if rules:
            nft(self.office, rules)
        with inside(self.office):
            self._listening += [socket.create_server(("", port), backlog=1_024) for port in listening]

    def be(self, line: Line) -> None:
        """Make the line as bad as told, from now on."""
        assert self._relay and self._relay.stdin
        self._relay.stdin.write(line.told())
        self._relay.stdin.flush()

    def down(self) -> None:
        """Take everything away."""
        for each in self._listening:
            each.close()
        if self._relay:
            self._relay.kill()
            self._relay.wait()
        for name in (self.asker, self.office):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)

    def command(self, host: str, *words: str) -> list[str]:
        """The words that run a command on a side: "asker", anything else is the office."""
        return ["ip", "netns", "exec", self.asker if host == "asker" else self.office, *words]

    def events(self) -> list[dict]:
        """Nobody here keeps a diary."""
        return []

    def start(self, **told: object) -> "subprocess.Popen[str]":
        """Begin a sweep as `sweeping.py` describes it."""
        words = self.command("asker", sys.executable, "-m", "lab.sweeping", json.dumps(told))
        where = os.environ | {"PYTHONPATH": str(HERE)}
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=where, cwd=HERE / "tests")

    def sweep(self, **told: object) -> dict:
        """One sweep to its end: states by host and port, and what the link made of it."""
        return json.loads(self.start(**told).communicate(timeout=120)[0])

    def watch(self, path: Path) -> Capture:
        """All that the asker sends and hears."""
        return Capture(self, "asker", path)  # type: ignore[arg-type]


@contextlib.contextmanager
def standing(name: str, hosts: list[str], listening: list[int], rules: str = "") -> Iterator[Wire]:
    """A wire for a `with` block; where none can be built CI fails and a developer reads what to install."""
    made = Wire(name)
    try:
        made.up(hosts, listening, rules)
    except (LabError, OSError) as fault:
        made.down()
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no lab here: {fault}")
    try:
        yield made
    finally:
        made.down()


def open_ports(states: Mapping[str, Mapping[str, str]]) -> set[tuple[str, int]]:
    """(host, port) of each that was found open."""
    return {(host, int(port)) for host, ports in states.items() for port, state in ports.items() if state == "open"}
