"""An asker and a small office of addresses with a bad line between them, for tests of how ports are swept."""

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import threading
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
        self._is_over = threading.Event()

    def up(self, hosts: list[str], listening: list[int], rules: str = "", kind: str = "tap") -> None:
        """Build it over a perfect line.

        Args:
            hosts: the addresses of the office, inside 10.78.0.0/24.
            listening: the TCP ports that take a connection, and hang up at once.
            rules: the office's nftables.
            kind: of the line: "tap" (Ethernet) or "tun" (no MACs) through the relay, or a plain "veth".
        """
        ip(f"netns add {name}" for name in (self.asker, self.office))
        if kind == "veth":
            ip([f"link add eth0 netns {self.asker} type veth peer name eth0 netns {self.office}"])
        else:
            self._start_relay(kind)
        ip([f"addr add {ASKER}/24 dev eth0", "link set eth0 up", "link set lo up"], self.asker)
        ip([*(f"addr add {host}/24 dev eth0" for host in hosts), "link set eth0 up", "link set lo up"], self.office)
        if rules:
            nft(self.office, rules)
        with inside(self.office):
            self._listening += [socket.create_server(("", port), backlog=1_024) for port in listening]
        threading.Thread(target=self._hang_up, daemon=True).start()

    def _hang_up(self) -> None:
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError, ValueError):
            for each in self._listening:
                ready.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(0.2):
                    key.fileobj.accept()[0].close()  # type: ignore[union-attr]
                if self._is_over.is_set():
                    return

    def _start_relay(self, kind: str) -> None:
        self._relay = subprocess.Popen(
            [sys.executable, "-m", "lab.relay", self.asker, self.office, kind], cwd=HERE / "tests", text=True,
            env=os.environ | {"PYTHONPATH": str(HERE)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._relay.stdout
        if self._relay.stdout.readline() != "ready\n":
            raise LabError("the relay did not start: is there /dev/net/tun?")

    def be(self, line: Line) -> None:
        """Make the line as bad as told, from now on."""
        assert self._relay and self._relay.stdin
        self._relay.stdin.write(line.told())
        self._relay.stdin.flush()

    def down(self) -> None:
        """Take everything away."""
        self._is_over.set()
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
def standing(name: str, hosts: list[str], listening: list[int], rules: str = "", kind: str = "tap") -> Iterator[Wire]:
    """A wire for a `with` block; where none can be built CI fails and a developer reads what to install."""
    made = Wire(name)
    try:
        made.up(hosts, listening, rules, kind)
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
