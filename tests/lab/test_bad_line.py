"""Sweeping over a line that loses, delays and is too slow: nothing is missed, nothing invented, and haste gives way.

The line is a relay in user space (`relay.py`), nmap sweeps the same hosts over it at the same time.
"""

import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .capture import busiest_second, questions
from .relay import Line
from .wire import ASKER, Wire, open_ports, standing

pytestmark = pytest.mark.lab

HOSTS = [f"10.78.0.{last}" for last in range(10, 50)]
PORTS = list(range(2_000, 2_040))
# Each of these has its own open ports; the last one drops what is closed, as a firewall does.
LOSSY = HOSTS[:12]
_chance = random.Random(5)
TRUTH = {(host, port) for host in LOSSY for port in _chance.sample(PORTS, 8)}
PACKETS_A_SECOND, TIMING_SLACK = 20, 2
SWEEPS = [("connect", "normal"), ("syn", "normal"), ("connect", "lab"), ("syn", "lab")]
RULES = f"""
table ip t {{
  set open {{ type ipv4_addr . inet_service; elements = {{ {", ".join(f"{host} . {port}" for host, port in TRUTH)} }}
  }}
  chain in {{
    type filter hook input priority 0;
    ct state established accept
    ip daddr . tcp dport @open accept
    ip daddr {LOSSY[-1]} meta l4proto tcp drop
    meta l4proto tcp ip daddr {{ {", ".join(LOSSY)} }} reject with tcp reset
  }}
}}
"""


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with standing("line", HOSTS, PORTS, RULES) as made:
        yield made


@pytest.fixture(scope="module")
def lossy(wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What nmap and each way of ours found in one run over 5 % loss each way and 80 ms there and back."""
    wire.be(Line(loss=0.05, delay_s=0.04))

    def ours(way_and_pace: tuple[str, str]) -> dict:
        way, pace = way_and_pace
        return wire.sweep(hosts=LOSSY, ports=PORTS, way=way, pace=pace)

    with ThreadPoolExecutor(len(SWEEPS)) as side_by_side:
        found = side_by_side.map(ours, SWEEPS)
        by_nmap = _nmap(wire)
        return {"nmap": by_nmap} | dict(zip(SWEEPS, found, strict=True))


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: f"{sweep[0]} at {sweep[1]}")
def test_no_open_port_is_missed_that_nmap_finds_in_the_same_run_and_none_is_invented(
    lossy: dict, sweep: tuple[str, str]
) -> None:
    found = open_ports(lossy[sweep]["states"])
    assert lossy["nmap"], "nmap found nothing: there was no line"
    assert lossy["nmap"] - found == set()
    assert found - TRUTH == set()
    assert lossy[sweep]["way"] == sweep[0]
    assert lossy[sweep]["fell"] == []


@pytest.mark.parametrize("way", ["connect", "syn"])
def test_a_slow_uplink_halves_the_rate_and_a_free_one_raises_it_again(wire: Wire, tmp_path: Path, way: str) -> None:
    hosts = HOSTS[12:]
    open_on_all = {(host, port) for host in hosts for port in PORTS}
    # 28 hosts at 20 packets a second are four times what it carries, and half a second may wait in its queue.
    wire.be(Line(bytes_a_second=9_000, queue_s=0.5, delay_s=0.005))
    with wire.watch(tmp_path / "frames") as seen:
        sweeping = wire.start(hosts=hosts, ports=[*PORTS, *range(3_000, 3_030)], way=way)
        time.sleep(4)
        wire.be(Line(delay_s=0.005))
        found = json.loads(sweeping.communicate(timeout=60)[0])
    assert found["least"] <= 400, f"it was not noticed: {found['least']}"
    assert found["after"] > 1.1 * found["least"], f"it never took heart again: {found['after']} of {found['least']}"
    assert found["fell"] == []
    assert open_ports(found["states"]) == open_on_all
    busiest = busiest_second(questions(seen.packets(), ASKER))
    assert {host: most for host, most in busiest.items() if most > PACKETS_A_SECOND + TIMING_SLACK} == {}


def _nmap(wire: Wire) -> set[tuple[str, int]]:
    words = ["nmap", "-n", "-Pn", "-sS", "-T4", "-p", f"{PORTS[0]}-{PORTS[-1]}", "-oG", "-", *LOSSY]
    done = subprocess.run(wire.command("asker", *words), capture_output=True, text=True, timeout=120, check=True)
    return {
        (match[1], int(port))
        for line in done.stdout.splitlines()
        if (match := re.match(r"Host: (\S+)", line))
        for port in re.findall(r"(\d+)/open/", line)
    }
