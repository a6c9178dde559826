"""How fast the sweep is beside nmap, masscan and zmap: same namespace, same ports, interleaved rounds, medians of ratios.

A ratio is the peer's seconds divided by ours, process start included, one for each round; every tool must find every
open port and no other, or its row says so. Rows at one pace measure skill, the others what each tool allows itself.
"""

# ruff: noqa: E402, E501  # it must first say where the lab stands; and a table is a table
import contextlib
import dataclasses
import ipaddress
import json
import os
import re
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HERE / "tests"), str(HERE)]

import relay
from lab.namespaces import inside, ip, nft, sysctl

ROUNDS = int(os.environ.get("ROUNDS", "3"))
ASKER, OFFICE = f"sweep{os.getpid()}-a", f"sweep{os.getpid()}-b"
OPEN = (22, 80, 443)
PING = "import socket, time\ns = socket.socket(2, 2)\nwhile True: s.sendto(b'x', ('10.77.0.2', 9)); time.sleep(0.1)"
EIGHTY = [*OPEN, *range(1_000, 1_077)]
HUNDRED = [*OPEN, *range(1_000, 1_097)]
# Every fourth address lets everything fall.
RULES = "table ip t {\n chain in {\n type filter hook input priority 0;\n ip daddr & 0.0.0.3 == 0.0.0.3 drop\n }\n}\n"
# One host in a hundred, and a few more, has this port open; everybody else refuses it.
RARE, WITH_RARE = 8_081, 300
DELAY_S, LOSS = 0.01, 0.01


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of work, how we and a peer are told to do it, and the ratio to reach."""

    name: str
    peer: str
    ours: dict
    theirs: list[str]
    truth: set[str]
    goal: float
    rules: str = RULES
    is_slow: bool = False


def open_in(network: str) -> set[str]:
    """Which endpoints are open there, as texts."""
    return {f"{each}:{port}" for each in ipaddress.ip_network(network) if int(each) & 3 != 3 for port in OPEN}


def rare_in(network: str) -> list[str]:
    """The addresses that have the rare port open."""
    net = ipaddress.ip_network(network)
    return [str(net[number * net.num_addresses // WITH_RARE]) for number in range(WITH_RARE)]


def rows() -> list[Row]:
    """The table of issue 6."""
    eighty, hundred = (",".join(map(str, ports)) for ports in (EIGHTY, HUNDRED))
    lab = {"pace": "lab"}
    every = {"scope": "10.78.1.1/32", "ports": "all"} | lab
    office, quarter, many = "10.78.4.0/24", "10.78.8.0/26", "10.78.128.0/17"
    nmap = ["nmap", "-n", "-Pn", "-T4", "-oG", "-"]
    masscan = ["masscan", "--wait", "1", "--rate", "1000000", "-oL", "-", "--adapter-ip", "10.77.0.1", "--router-mac"]
    zmap = [
        "zmap",
        "-q",
        "-p",
        str(RARE),
        "-c",
        "1",
        "-B",
        "1G",
        "-i",
        "eth0",
        "-G",
        "MAC",
        "-o",
        "-",
        "-b",
        "/dev/null",
    ]
    own_pace = ["--max-retries", "1", "--max-rtt-timeout", "300ms"]
    raw = {"way": "syn"}
    one_host, all_office, all_quarter = open_in("10.78.1.1/32"), open_in(office), open_in(quarter)
    return [
        Row("raw, 1 × 65,535 closed", "nmap -sS -T4", every | raw, [*nmap, "-sS", "-p1-65535", "10.78.1.1"], one_host, 2),
        Row("raw, 256 × 80, a quarter drops", "nmap -sS -T4", {"scope": office, "ports": EIGHTY} | lab | raw,
            [*nmap, "-sS", "-p", eighty, office], all_office, 15),
        Row("raw, 256 × 80, a quarter drops", "masscan", {"scope": office, "ports": EIGHTY} | lab | raw,
            [*masscan, "MAC", "-p", eighty, office], all_office, 4),
        Row("raw, 32,768 × 1", "zmap -c 1", {"scope": many, "ports": [RARE], "way": "survey"} | lab,
            [*zmap, many], {f"{each}:{RARE}" for each in rare_in(many)}, 2.5, ""),
        Row("connect, 1 × 65,535 closed", "nmap -sT -T4", every, [*nmap, "-sT", "-p1-65535", "10.78.1.1"], one_host, 1.2),
        Row("connect, 256 × 80, a quarter drops", "nmap -sT -T4", {"scope": office, "ports": EIGHTY} | lab,
            [*nmap, "-sT", "-p", eighty, office], all_office, 10),
        Row("same pace: 256 × 80 at 20,000/s", "nmap -sS tuned", {"scope": office, "ports": EIGHTY, "pace": 78.125, "run": 20_000} | raw,
            [*nmap, "-sS", "--min-rate", "20000", "--max-rate", "20000", *own_pace, "-p", eighty, office], all_office, 1.4),
        Row("same pace: 64 × 100 at 100/s a host", "nmap -sS tuned", {"scope": quarter, "ports": HUNDRED, "pace": 100, "run": 6_400} | raw,
            [*nmap, "-sS", "--min-rate", "6400", "--max-rate", "6400", *own_pace, "-p", hundred, quarter], all_quarter, 1.1),
        Row("20 ms, 1 % loss each way, 64 × 100", "nmap -sS -T4", {"scope": quarter, "ports": HUNDRED} | lab | raw,
            [*nmap, "-sS", "-p", hundred, quarter], all_quarter, 20, is_slow=True),
        Row("/24 by ARP, 21 answering", "nmap -sn -PR -T4", {"scope": "10.77.0.0/24", "way": "arp"} | lab,
            ["nmap", "-n", "-sn", "-PR", "-T4", "-oG", "-", "10.77.0.2-254"], {f"10.77.0.{last}" for last in range(2, 23)}, 4),
    ]  # fmt: skip


def main() -> int:
    """Build the link, run all rows, print the table, take the link away; 1 where we missed or invented a port."""
    wanted = sys.argv[1:]
    sockets = _up()
    is_right = True
    try:
        print(f"{'work':<38}{'peer':<17}{'ours s':>7}{'peer s':>8}{'ratio':>7}{'min':>7}{'max':>7}{'goal':>6}"
              f"{'missed':>8}{'false':>6}{'CPU µs':>8}{'MB':>4}{'load':>6}")  # fmt: skip
        for number, row in enumerate(rows()):
            if not wanted or str(number) in wanted:
                is_right &= _print(row, _rounds(row))
    finally:
        for each in sockets:
            each.close()
        for name in (ASKER, OFFICE):
            subprocess.run(["ip", "netns", "del", name], check=False)
    return 0 if is_right else 1


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
        everywhere = [socket.create_server(("", port), backlog=4_096) for port in OPEN]
        return everywhere + [socket.create_server((each, RARE)) for each in rare_in("10.78.128.0/17")]


def _rounds(row: Row) -> list[tuple[dict, dict]]:
    nft(OFFICE, f"flush ruleset\n{row.rules}")
    link = subprocess.run(
        ["ip", "-n", OFFICE, "-br", "link", "show", "eth0"], capture_output=True, text=True, check=True
    )
    mac = link.stdout.split()[2]
    theirs = [mac if word == "MAC" else word for word in row.theirs]
    ours = [sys.executable, str(Path(__file__).with_name("sweeping.py")), json.dumps(row.ours)]
    with _slow_wire() if row.is_slow else contextlib.nullcontext():
        done = [(_run(ours, _found_by_us), _run(theirs, _count_theirs)) for _ in range(ROUNDS + 1)]
    return done[1:]


@contextlib.contextmanager
def _slow_wire() -> Iterator[None]:
    """The way to the office leads over a wire with delay and loss."""
    ends = relay.tap(ASKER, "slow"), relay.tap(OFFICE, "slow")
    for name, last in ((ASKER, 1), (OFFICE, 2)):
        ip([f"addr add 10.79.0.{last}/24 dev slow", "link set slow txqueuelen 20000 up"], name)
    ip(["route replace default via 10.79.0.2"], ASKER)
    process = relay.start(*ends, DELAY_S, LOSS, seed=6)
    try:
        yield
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        ip(["route replace default via 10.77.0.2"], ASKER)
        for end in ends:
            os.close(end)


def _run(words: list[str], found_in: Callable[[str], list[str] | int]) -> dict:
    # A ping keeps masscan's receiving thread awake, without which it does not end.
    command = ["ip", "netns", "exec", ASKER, *words]
    awake = ["ip", "netns", "exec", ASKER, sys.executable, "-c", PING] if words[0] == "masscan" else None
    ping = subprocess.Popen(awake, stdout=subprocess.DEVNULL) if awake else None
    where = os.environ | {"PYTHONPATH": str(HERE)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False, env=where)
    finally:
        if ping:
            ping.kill()
            ping.wait()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = found_in(done.stdout)
    if not found:
        print(done.stderr[-300:], file=sys.stderr)
    peak = int(told[1]) if (told := re.search(r'"peak": (\d+)', done.stdout)) else 0
    return {"seconds": seconds, "cpu": cpu, "found": found, "peak": peak}


def _found_by_us(said: str) -> list[str]:
    return json.loads(said or '{"found": []}')["found"]


def _count_theirs(said: str) -> int:
    """Open ports in nmap's greppable form, hosts that are up, masscan's list, or zmap's lines."""
    return (
        said.count("/open/tcp") or said.count("Status: Up") or said.count("open tcp") or said.count("\n")
        if "# Nmap" in said or "masscan" in said
        else len([line for line in said.splitlines() if line[:1].isdigit()])
    )


def _print(row: Row, done: list[tuple[dict, dict]]) -> bool:
    """One line of the table; `missed` and `false` count over all rounds, ours / the peer's as far as that can be told."""
    ratios = [theirs["seconds"] / ours["seconds"] for ours, theirs in done]
    ours, theirs = (statistics.median(pair[side]["seconds"] for pair in done) for side in (0, 1))
    ports = 65_535 if row.ours.get("ports") == "all" else len(row.ours.get("ports", [1]))
    probes = ports * ipaddress.ip_network(row.ours["scope"]).num_addresses
    cpu = statistics.median(pair[0]["cpu"] for pair in done) / probes * 1e6
    missed = sum(len(row.truth.difference(pair[0]["found"])) for pair in done)
    false = sum(len(pair[0]["found"]) - len(row.truth.intersection(pair[0]["found"])) for pair in done)
    by_peer = sum(len(row.truth) - pair[1]["found"] for pair in done)
    print(
        f"{row.name:<38}{row.peer:<17}{ours:>7.2f}{theirs:>8.2f}{statistics.median(ratios):>7.2f}{min(ratios):>7.2f}"
        f"{max(ratios):>7.2f}{row.goal:>6g}{f'{missed}/{by_peer}':>8}{false:>6}{cpu:>8.1f}"
        f"{max(pair[0]['peak'] for pair in done) // 1_000:>4}{os.getloadavg()[0]:>6.1f}",
        flush=True,
    )
    return not (missed or false)


if __name__ == "__main__":
    sys.exit(main())
