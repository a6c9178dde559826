"""How fast the sweep is beside nmap, masscan and zmap: same namespace, same ports, interleaved rounds, medians of ratios.

A ratio is the peer's seconds divided by ours, process start included, one for each round; every tool must find every
open port and no other, or its row says so. Rows at one pace measure skill, the others what each tool allows itself.
"""

# ruff: noqa: E402, E501  # it must first say where the lab stands; and a table is a table
import asyncio
import dataclasses
import ipaddress
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HERE / "tests"), str(HERE)]

from lab.namespaces import inside, ip, nft, sysctl

ROUNDS = int(os.environ.get("ROUNDS", "3"))
ASKER, OFFICE = f"sweep{os.getpid()}-a", f"sweep{os.getpid()}-b"
OPEN = (22, 80, 443)
PING = "import socket, time\ns = socket.socket(2, 2)\nwhile True: s.sendto(b'x', ('10.77.0.2', 9)); time.sleep(0.1)"
EIGHTY = [*OPEN, *range(1_000, 1_077)]
HUNDRED = [*OPEN, *range(1_000, 1_097)]
# Every fourth address lets everything fall.
RULES = "table ip t {\n chain in {\n type filter hook input priority 0;\n ip daddr & 0.0.0.3 == 0.0.0.3 drop\n }\n}\n"
LOSSY = (
    "table ip t {\n chain in {\n type filter hook input priority 0;\n ip daddr & 0.0.0.3 == 0.0.0.3 drop\n"
    " meta l4proto tcp numgen random mod 100 == 0 drop\n }\n"
    " chain out {\n type filter hook output priority 0;\n meta l4proto tcp numgen random mod 100 == 0 drop\n }\n}\n"
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work, how we and a peer are told to do it, and the ratio to reach."""

    name: str
    peer: str
    ours: dict
    theirs: list[str]
    truth: int
    goal: float
    rules: str = RULES


def rows() -> list[Row]:
    """The table of issue 6, as far as a wire without delay can tell it."""
    eighty, hundred = (",".join(map(str, ports)) for ports in (EIGHTY, HUNDRED))
    every = {"scope": "10.78.1.1/32", "ports": "all", "pace": "lab"}
    office = {"scope": "10.78.4.0/24", "ports": EIGHTY, "pace": "lab"}
    quarter = {"scope": "10.78.8.0/26", "ports": HUNDRED}
    nmap = ["nmap", "-n", "-Pn", "-T4", "-oG", "-"]
    masscan = ["masscan", "--wait", "1", "--rate", "1000000", "-oL", "-", "--adapter-ip", "10.77.0.1", "--router-mac"]
    own_pace = ["--min-rate", "6400", "--max-rate", "6400", "--max-retries", "1", "--max-rtt-timeout", "300ms"]
    return [
        Row("raw, 1 × 65,535 closed", "nmap -sS -T4", every | {"way": "syn"}, [*nmap, "-sS", "-p1-65535", "10.78.1.1"], 3, 2),
        Row("raw, 256 × 80, a quarter drops", "nmap -sS -T4", office | {"way": "syn"},
            [*nmap, "-sS", "-p", eighty, "10.78.4.0/24"], 576, 15),
        Row("raw, 256 × 80, a quarter drops", "masscan", office | {"way": "syn"},
            [*masscan, "MAC", "-p", eighty, "10.78.4.0/24"], 576, 4),
        Row("raw, 4,096 × 1", "zmap -c 1", {"scope": "10.78.128.0/20", "ports": [80], "pace": "lab", "way": "syn"},
            ["zmap", "-q", "-p", "80", "-c", "1", "-B", "1G", "-i", "eth0", "-G", "MAC", "-o", "-", "-b", "/dev/null", "10.78.128.0/20"],
            3_072, 2.5),
        Row("connect, 1 × 65,535 closed", "nmap -sT -T4", every, [*nmap, "-sT", "-p1-65535", "10.78.1.1"], 3, 1.2),
        Row("connect, 256 × 80, a quarter drops", "nmap -sT -T4", office, [*nmap, "-sT", "-p", eighty, "10.78.4.0/24"], 576, 10),
        Row("same pace: 64 × 100 at 100/s a host", "nmap -sS tuned", quarter | {"pace": "100/s", "way": "syn"},
            [*nmap, "-sS", *own_pace, "-p", hundred, "10.78.8.0/26"], 144, 1.1),
        Row("1 % loss each way, 64 × 100", "nmap -sS -T4", quarter | {"pace": "lab", "way": "syn"},
            [*nmap, "-sS", "-p", hundred, "10.78.8.0/26"], 144, 20, LOSSY),
        Row("/24 by ARP, 21 answering", "nmap -sn -PR -T4", {"scope": "10.77.0.0/24", "way": "arp", "pace": "lab"},
            ["nmap", "-n", "-sn", "-PR", "-T4", "-oG", "-", "10.77.0.2-254"], 21, 4),
    ]  # fmt: skip


def main() -> None:
    """Build the link, run all rows, print the table, take the link away."""
    wanted = sys.argv[1:]
    sockets = _up()
    try:
        print(f"{'work':<38}{'peer':<16}{'ours s':>8}{'peer s':>8}{'ratio':>7}{'min':>7}{'max':>7}{'goal':>6}"
              f"{'found':>15}{'CPU µs':>8}{'MB':>5}")  # fmt: skip
        for number, row in enumerate(rows()):
            if not wanted or str(number) in wanted:
                _print(row, _rounds(row))
    finally:
        for each in sockets:
            each.close()
        for name in (ASKER, OFFICE):
            subprocess.run(["ip", "netns", "del", name], check=False)


def _up() -> list[socket.socket]:
    for name in (ASKER, OFFICE):
        subprocess.run(["ip", "netns", "add", name], check=True)
    ip([f"link add eth0 netns {ASKER} type veth peer name eth0 netns {OFFICE}"])
    ip(
        ["addr add 10.77.0.1/24 dev eth0", "link set eth0 up", "link set lo up", "route add default via 10.77.0.2"],
        ASKER,
    )
    ip([f"addr add 10.77.0.{last}/24 dev eth0" for last in range(2, 23)], OFFICE)
    ip(["link set eth0 up", "link set lo up", "route add local 10.78.0.0/16 dev lo"], OFFICE)
    sysctl(OFFICE, {"ipv4/tcp_max_syn_backlog": "65536", "ipv4/icmp_ratelimit": "0", "core/somaxconn": "4096"})
    for name in (ASKER, OFFICE):
        subprocess.run(
            ["ip", "netns", "exec", name, "ethtool", "-K", "eth0", "tx", "off", "gso", "off"],
            check=False, capture_output=True,
        )  # fmt: skip
    with inside(OFFICE):
        return [socket.create_server(("", port), backlog=4_096) for port in OPEN]


def _rounds(row: Row) -> list[tuple[dict, dict]]:
    nft(OFFICE, f"flush ruleset\n{row.rules}")
    link = subprocess.run(
        ["ip", "-n", OFFICE, "-br", "link", "show", "eth0"], capture_output=True, text=True, check=True
    )
    mac = link.stdout.split()[2]
    theirs = [mac if word == "MAC" else word for word in row.theirs]
    ours = [sys.executable, __file__, "--child", json.dumps(row.ours)]
    done = [(_run(ours, _count_ours), _run(theirs, _count_theirs)) for _ in range(ROUNDS + 1)]
    return done[1:]


def _run(words: list[str], count: Callable[[str], int]) -> dict:
    # A ping keeps masscan's receiving thread awake, without which it does not end.
    command = ["ip", "netns", "exec", ASKER, *words]
    awake = ["ip", "netns", "exec", ASKER, sys.executable, "-c", PING] if words[0] == "masscan" else None
    ping = subprocess.Popen(awake, stdout=subprocess.DEVNULL) if awake else None
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    finally:
        if ping:
            ping.kill()
            ping.wait()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = count(done.stdout)
    if not found:
        print(done.stderr[-300:], file=sys.stderr)
    peak = int(told[1]) if (told := re.search(r'"peak": (\d+)', done.stdout)) else 0
    return {"seconds": seconds, "cpu": cpu, "found": found, "peak": peak}


def _count_ours(said: str) -> int:
    return json.loads(said or '{"open": 0}')["open"]


def _count_theirs(said: str) -> int:
    """Open ports in nmap's greppable form, hosts that are up, masscan's list, or zmap's lines."""
    return (
        said.count("/open/tcp") or said.count("Status: Up") or said.count("open tcp") or said.count("\n")
        if "# Nmap" in said or "masscan" in said
        else len([line for line in said.splitlines() if line[:1].isdigit()])
    )


def _print(row: Row, done: list[tuple[dict, dict]]) -> None:
    ratios = [theirs["seconds"] / ours["seconds"] for ours, theirs in done]
    ours, theirs = (statistics.median(pair[side]["seconds"] for pair in done) for side in (0, 1))
    ports = 65_535 if row.ours.get("ports") == "all" else len(row.ours.get("ports", [1]))
    probes = ports * ipaddress.ip_network(row.ours["scope"]).num_addresses
    cpu = statistics.median(pair[0]["cpu"] for pair in done) / probes * 1e6
    found = "/".join(str(min(pair[side]["found"] for pair in done)) for side in (0, 1))
    print(
        f"{row.name:<38}{row.peer:<16}{ours:>8.2f}{theirs:>8.2f}{statistics.median(ratios):>7.2f}{min(ratios):>7.2f}"
        f"{max(ratios):>7.2f}{row.goal:>6g}{found + f' of {row.truth}':>15}{cpu:>8.1f}"
        f"{max(pair[0]['peak'] for pair in done) // 1_000:>5}",
        flush=True,
    )


async def _child(told: dict) -> dict:
    """Our side of one row: the sweep as the audit does it, all hosts side by side."""
    from sohoaudit.dialer import Dialer
    from sohoaudit.here import Here
    from sohoaudit.model import Scope
    from sohoaudit.sweep import State, Way, sweep
    from sohoaudit.sweep.connect import Connect
    from sohoaudit.sweep.pace import MANNERS, Manners, PoliteKeeper

    scope = Scope((ipaddress.ip_network(told["scope"]),))
    manners = MANNERS.get(told["pace"]) or Manners("100/s", 100, 6_400, 2, 0, 30)
    dialer = Dialer(scope, PoliteKeeper(manners))
    way: Way = Connect()
    raw = None
    if told.get("way"):
        from sohoaudit.sweep.raw_client import Raw
        from sohoaudit.sweep.syn import Syn

        raw = await Raw.start(scope, manners, Here(), dialer.shut)
        way = Syn(raw)
    if told.get("way") == "arp" and raw:
        found = len([met async for met in raw.resolve([str(each) for each in scope.addresses()])])
    else:
        ports = range(1, 65_536) if told["ports"] == "all" else told["ports"]
        likely_first = [*OPEN, *(port for port in ports if port not in OPEN)] if len(ports) > 1 else ports

        async def one(address: str) -> int:
            return sum([each.state is State.OPEN async for each in sweep(address, likely_first, dialer, way)])

        found = sum(await asyncio.gather(*(one(str(each)) for each in scope.networks[0])))
    if raw:
        await raw.close()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"open": found, "way": way.name, "peak": peak}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(asyncio.run(_child(json.loads(sys.argv[2])))))
    else:
        main()
