"""Manners on real links: a device that dies of haste never does, gateways that ration SYNs hide nothing, and the wire
shows that the budgets held."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .capture import RST, SYN, Packet, busiest_second, questions
from .scanning import Scan, environment, scan
from .wire import ASKER, HERE, Wire, standing

pytestmark = pytest.mark.lab

FRAGILE, PRINTER, RATIONING, REJECTING, DROPPING = (f"10.78.0.{last}" for last in range(17, 22))
OFFICE = "10.78.0.16/29"
DOORS = (80, 81, 443, 8_080, 8_081, 8_443, 5_000, 49_152)
# Where a visitor is let in, and hung up on.
OPEN = (22, 8_888, 9_000)
HARMFUL = (*range(9_100, 9_108), 30_718)
# A range never means the ports that do harm; the rest is closed.
PORTS = f"{','.join(map(str, (*DOORS, *OPEN)))},2000-2006,9098-9109,30717-30719"
# As home gateways do: new connections beyond so many a second are dropped, whoever makes them.
RULES = f"""
table ip t {{
  chain in {{
    type filter hook input priority 0;
    ct state established accept
    ip daddr {RATIONING} tcp flags & (syn|ack) == syn limit rate over 25/second burst 5 packets drop
    ip daddr {REJECTING} tcp dport != 22 reject with icmp type admin-prohibited
    ip daddr {DROPPING} tcp dport != 8888 drop
    ip daddr {DROPPING} meta l4proto udp drop
  }}
}}
"""


class Boxes:
    """The fragile boxes of the office, and what became of them."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self._wire, self._folder = wire, folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, address: str, doors: tuple[int, ...], title: str) -> None:
        words = [address, str(self._state(address)), *map(str, doors), "--title", title]
        self._running.append(
            subprocess.Popen(
                self._wire.command("office", sys.executable, "-m", "lab.fragile", *words),
                cwd=HERE / "tests",
                env=os.environ | {"PYTHONPATH": str(HERE)},
            )
        )
        ends = time.monotonic() + 10
        while not self._state(address).exists() and time.monotonic() < ends:
            time.sleep(0.02)

    def seen(self, address: str) -> dict:
        return json.loads(self._state(address).read_text())

    def end(self) -> None:
        for each in self._running:
            each.kill()
            each.wait()

    def _state(self, address: str) -> Path:
        return self._folder / f"{address}.json"


@contextlib.contextmanager
def boxes(wire: Wire, folder: Path) -> Iterator[Boxes]:
    made = Boxes(wire, folder)
    try:
        made.start(FRAGILE, DOORS, "Vigor Login Page")
        made.start(PRINTER, (80,), "Brother HL-L9350DW series")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Scan, Boxes]]:
    """Whole audits at the same time, each of an office of its own, and the boxes after it: discovery, sweep, probes
    and follow-ups at `normal` by each way, and the fragile device alone at `gentle`."""
    gentle = ",".join(map(str, (*DOORS[:2], *range(2_000, 2_008))))
    words = {
        "connect": (OFFICE, "--ports", PORTS),
        "syn": (OFFICE, "--ports", PORTS, "--sweep", "syn"),
        "gentle": (FRAGILE, "--ports", gentle, "--pace", "gentle"),
    }

    def audit(name: str) -> tuple[Scan, Boxes]:
        folder = tmp_path_factory.getbasetemp() / f"manners-{name}"
        folder.mkdir()
        with office(name) as wire, boxes(wire, folder) as made:
            return scan(wire, "asker", words[name], folder), made  # type: ignore[arg-type]

    with ThreadPoolExecutor(len(words)) as side_by_side:
        return dict(zip(words, side_by_side.map(audit, words), strict=True))


def office(name: str) -> contextlib.AbstractContextManager[Wire]:
    return standing(name, [FRAGILE, PRINTER, RATIONING, REJECTING, DROPPING], [*OPEN, *HARMFUL], RULES)


@pytest.fixture(params=["connect", "syn"])
def audited(request: pytest.FixtureRequest, runs: dict[str, tuple[Scan, Boxes]]) -> tuple[Scan, Boxes]:
    return runs[request.param]


def test_the_fragile_device_is_alive_after_a_whole_audit_and_was_fully_read(audited: tuple[Scan, Boxes]) -> None:
    run, made = audited
    seen = made.seen(FRAGILE)
    assert seen["died_of"] is None
    assert seen["visits"] >= 2 * len(DOORS) - 8, "it was hardly asked"
    assert set(DOORS) <= _open(run, FRAGILE)
    assert (run.device(FRAGILE)["identity"] or {}).get("vendor") == "DrayTek"


@pytest.mark.parametrize(
    ("host", "ports"),
    [(RATIONING, set(OPEN)), (REJECTING, {22}), (DROPPING, {8_888})],
    ids=["SYNs are rationed", "the rest is rejected", "the rest is dropped"],
)
def test_what_a_gateways_firewall_lets_in_is_found_and_no_more(
    audited: tuple[Scan, Boxes], host: str, ports: set[int]
) -> None:
    assert _open(audited[0], host) == ports


def test_a_kind_known_to_be_fragile_is_asked_gently_once_it_is_recognised(audited: tuple[Scan, Boxes]) -> None:
    run, made = audited
    asked = [packet for packet in questions(run.packets, ASKER) if packet.destination == PRINTER]
    # It is recognised by its first page, which goes before the ports that wait.
    gently = [packet for packet in asked if packet.time > asked[0].time + 3]
    assert len(gently) > 10
    assert busiest_second(gently)[PRINTER] <= 6
    assert made.seen(PRINTER)["died_of"] is None


def test_nothing_leaves_for_another_address_or_to_a_port_that_does_harm(audited: tuple[Scan, Boxes]) -> None:
    sent = [packet for packet in audited[0].packets if packet.source == ASKER]
    groups = {"224.0.0.251", "239.255.255.250"}
    assert {packet.destination for packet in sent} <= {f"10.78.0.{last}" for last in range(16, 24)} | groups
    assert {packet.port for packet in sent} & set(HARMFUL) == set()


def test_each_second_and_each_hosts_share_stay_inside_the_budget(audited: tuple[Scan, Boxes]) -> None:
    asked = questions(audited[0].packets, ASKER)
    # Twenty, and two for a machine that was late.
    assert {host: most for host, most in busiest_second(asked).items() if most > 22 and host.startswith("10.")} == {}
    everybody = [Packet(p.time, p.source, "all", p.protocol, p.source_port, p.port, p.flags) for p in asked]
    assert busiest_second(everybody)["all"] <= 1_000


def test_nothing_half_open_is_left_behind(audited: tuple[Scan, Boxes]) -> None:
    let_in = {(p.source, p.port, p.source_port) for p in audited[0].packets if p.source != ASKER and _is_welcome(p)}
    left = {(p.destination, p.source_port, p.port) for p in audited[0].packets if p.source == ASKER and p.flags & 0x05}
    left |= {(p.source, p.port, p.source_port) for p in audited[0].packets if p.source != ASKER and p.flags & RST}
    assert let_in
    assert let_in - left == set()


def test_gentle_holds_five_a_second_and_one_connection_at_once(runs: dict[str, tuple[Scan, Boxes]]) -> None:
    run, made = runs["gentle"]
    seen = made.seen(FRAGILE)
    assert _open(run, FRAGILE) == set(DOORS[:2])
    assert busiest_second(questions(run.packets, ASKER))[FRAGILE] <= 6
    assert seen["a_second"] <= 6
    # A knock that hangs up at once may meet the one conversation.
    assert seen["at_once"] <= 2


def test_the_same_device_does_die_where_no_manners_are_kept(tmp_path: Path) -> None:
    with office("haste") as wire, boxes(wire, tmp_path) as made:
        words = [sys.executable, "-m", "sohoaudit", "scan", FRAGILE, "--pace", "lab", "--yes", "--quiet"]
        where = environment(tmp_path)
        hasty = subprocess.Popen(wire.command("asker", *words), env=where, cwd=tmp_path, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 30
        while not made.seen(FRAGILE)["died_of"] and hasty.poll() is None and time.monotonic() < ends:
            time.sleep(0.05)
        hasty.kill()
        hasty.wait()
        assert made.seen(FRAGILE)["died_of"]


def _open(run: Scan, address: str) -> set[int]:
    services = (run.device(address) or {"services": []})["services"]
    return {service["port"] for service in services if service["transport"] == "tcp"}


def _is_welcome(packet: Packet) -> bool:
    return packet.flags & (SYN | 0x10) == SYN | 0x10
