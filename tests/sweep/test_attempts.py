"""Tests of connection attempts against what hosts and this machine do to them, in a namespace of their own."""

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.namespaces import LabError, inside, ip, nft, sysctl

from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.knowledge.ports import harmful_ports
from sohoaudit.model import Endpoint, Scope
from sohoaudit.sweep import State, attempts, sweep
from sohoaudit.sweep.attempts import MOST_AT_ONCE, SHORTEST_TIMEOUT_S, most_at_once
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import LAB, Link, Manners, PoliteKeeper

pytestmark = pytest.mark.lab

ROOM = f"connect{os.getpid()}"
HERE = Path(__file__).resolve().parents[2]
HOST, REFUSES, FORBIDS, UNREACHABLE, TARPIT, LOSSY = (f"10.88.0.{last}" for last in range(1, 7))
OPEN = (22, 80, 443)
POLITE = Manners("polite", 150, 1_000, 24, 0, 30)
PACES = pytest.mark.parametrize("manners", [POLITE, LAB], ids=lambda manners: manners.name)
# One packet in twenty is lost on its way there, and one in twenty on its way back.
RULES = f"""
table ip t {{
  chain in {{
    type filter hook input priority 0;
    ip daddr {REFUSES} tcp dport != 80 tcp flags syn / syn,ack reject
    ip daddr {FORBIDS} tcp dport != 80 tcp flags syn / syn,ack reject with icmp admin-prohibited
    ip daddr {UNREACHABLE} tcp dport != 80 tcp flags syn / syn,ack reject with icmp host-unreachable
    ip daddr {LOSSY} tcp flags syn / syn,ack numgen random mod 20 == 0 drop
    ip saddr {LOSSY} numgen random mod 20 == 0 drop
  }}
  chain nat {{ type nat hook output priority -100; ip daddr {TARPIT} tcp dport 1-65535 redirect to :80; }}
}}
"""


class FarAway(threading.Thread):
    """The hosts of 10.89.0.0/24, 80 ms away each way over a link that loses one packet in twenty each way."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.asked: Counter[tuple[str, int]] = Counter()
        self._chance = random.Random(7)
        self._tun = os.open("/dev/net/tun", os.O_RDWR)
        # TUNSETIFF: a link of bare IP packets (IFF_TUN | IFF_NO_PI).
        fcntl.ioctl(self._tun, 0x400454CA, struct.pack("16sH22x", b"far", 0x1001))
        ip(["addr add 10.89.1.1/24 dev far", "link set far up", "route add 10.89.0.0/24 dev far"], ROOM)

    def run(self) -> None:
        late: deque[tuple[float, bytes]] = deque()
        # The link ends with its namespace.
        with contextlib.suppress(OSError):
            while True:
                wait_s = max(0.0, late[0][0] - time.monotonic()) if late else None
                if select.select([self._tun], [], [], wait_s)[0]:
                    packet = os.read(self._tun, 2_048)
                    if packet[:1] == b"E" and packet[9] == 6 and packet[33] == 2 and self._chance.random() > 0.1:
                        late.append((time.monotonic() + 0.16, self._answer(packet)))
                while late and late[0][0] <= time.monotonic():
                    os.write(self._tun, late.popleft()[1])
        os.close(self._tun)

    def _answer(self, packet: bytes) -> bytes:
        """SYN-ACK of an open port, RST of another."""
        source, host, theirs, port, sequence = struct.unpack("!4s4sHHI", packet[12:28])
        self.asked[ipaddress.IPv4Address(host).compressed, port] += 1
        flags = 0x12 if port in OPEN else 0x14
        tcp = struct.pack("!HHIIBBHHH", port, theirs, 1, (sequence + 1) & 0xFFFF_FFFF, 5 << 4, flags, 65_535, 0, 0)
        tcp = tcp[:16] + checksum(host + source + struct.pack("!HH", 6, len(tcp)) + tcp) + tcp[18:]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, 6, 0, host, source)
        return head[:10] + checksum(head) + head[12:] + tcp


def checksum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


@pytest.fixture(scope="module", autouse=True)
def room() -> Iterator[None]:
    try:
        subprocess.run(["ip", "netns", "add", ROOM], check=True)
        ip(["link set lo up", "route add local 10.88.0.0/24 dev lo"], ROOM)
        nft(ROOM, RULES)
        sysctl(ROOM, {"ipv4/icmp_ratelimit": "0"})
    except (LabError, OSError, subprocess.CalledProcessError) as fault:
        subprocess.run(["ip", "netns", "del", ROOM], check=False)
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no namespaces here: {fault}")
    with contextlib.ExitStack() as doors, inside(ROOM):
        for port in OPEN:
            doors.enter_context(socket.create_server(("", port), backlog=4_096))
        yield
    subprocess.run(["ip", "netns", "del", ROOM], check=False)


def states(
    address: str, ports: range | list[int], manners: Manners = LAB, street: OpenStreet | None = None
) -> dict[int, State]:
    """Sweep from inside the room; the thread of the attempts is born there too."""

    async def swept() -> dict[int, State]:
        dialer = Dialer(Scope((ipaddress.ip_network(address),)), PoliteKeeper(manners), street)
        told = [heard async for heard in sweep(address, ports, dialer, Connect())]
        return {number: heard.state for heard in told for number in heard.numbers}

    return asyncio.run(swept())


def connections() -> set[tuple[str, ...]]:
    """(local, remote, state) of every TCP socket of the room but those that listen."""
    rows = [row.split() for row in Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]]
    return {tuple(row[1:4]) for row in rows if row[3] != "0A"}


@PACES
def test_a_refusal_by_icmp_is_closed_and_a_prohibition_is_silence(manners: Manners) -> None:
    ports = [80, *range(1_000, 1_020)]
    rest = dict.fromkeys(ports[1:], State.CLOSED)
    assert states(REFUSES, ports, manners) == {80: State.OPEN} | rest
    for address in (FORBIDS, UNREACHABLE):
        assert states(address, ports, manners) == {80: State.OPEN} | dict.fromkeys(rest, State.SILENT)


def test_a_host_that_accepts_on_every_port_is_told_port_by_port_and_keeps_no_connection() -> None:
    ports = range(1, 2_001)
    before = connections()
    found = states(TARPIT, ports)
    assert set(found) == set(ports)
    assert {port for port, state in found.items() if state is not State.OPEN} <= harmful_ports()
    # None stands, and none waits for its end.
    assert connections() <= before


@pytest.mark.parametrize("number", range(3))
def test_where_packets_get_lost_no_port_is(number: int) -> None:
    ports = [*OPEN, *range(1_000, 1_400)]
    found = states(LOSSY, ports)
    assert {port for port, state in found.items() if state is State.OPEN} == set(OPEN)
    assert set(found) == set(ports)


def test_no_open_port_of_hosts_far_away_over_a_bad_link_is_missed_and_none_invented() -> None:
    far = FarAway()
    far.start()
    hosts, ports = [f"10.89.0.{last}" for last in range(1, 9)], [*OPEN, *range(1_000, 1_097)]

    async def swept() -> dict[str, dict[int, State]]:
        dialer, way = Dialer(Scope((ipaddress.ip_network("10.89.0.0/24"),)), PoliteKeeper(LAB)), Connect()

        async def one(host: str) -> dict[int, State]:
            told = [heard async for heard in sweep(host, ports, dialer, way)]
            return {number: heard.state for heard in told for number in heard.numbers}

        return dict(zip(hosts, await asyncio.gather(*map(one, hosts)), strict=True))

    found = asyncio.run(swept())
    for host in hosts:
        assert {port for port in ports if found[host][port] is State.OPEN} == set(OPEN)
        assert set(found[host]) == set(ports)
    # Nobody was asked more often than the plan says.
    assert max(far.asked.values()) <= 1 + Link.MOST_REPEATS


def test_a_port_of_this_machine_that_meets_itself_is_not_open() -> None:
    sysctl(ROOM, {"ipv4/ip_local_port_range": "40000 40001"})
    try:
        # The kernel chooses one of two source ports, so that every second attempt comes from where it goes.
        found = [states(HOST, [40_000, 40_001]) for _ in range(10)]
    finally:
        sysctl(ROOM, {"ipv4/ip_local_port_range": "32768 60999"})
    assert {state for each in found for state in each.values()} == {State.CLOSED}


class OneDoor(OpenStreet):
    """A street on which many ports are one and the same."""

    def __init__(self, address: str, port: int, but: int) -> None:
        self.place, self.but = (address, port), but

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        return self.place if endpoint.port != self.but else (self.place[0], self.but)


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port that lets every attempt pass in silence."""
    with socket.socket() as door, socket.socket() as first:
        door.bind((HOST, 0))
        door.listen(0)
        first.connect(door.getsockname())
        yield door.getsockname()[1]


def test_where_source_ports_run_out_every_port_is_asked_all_the_same(full_port: int) -> None:
    sysctl(ROOM, {"ipv4/ip_local_port_range": "40000 40007"})
    ports = [80, *range(1_000, 1_031)]
    try:
        began = time.monotonic()
        found = states(HOST, ports, street=OneDoor(HOST, full_port, but=80))
    finally:
        sysctl(ROOM, {"ipv4/ip_local_port_range": "32768 60999"})
    assert found == {80: State.OPEN} | dict.fromkeys(ports[1:], State.SILENT)
    # Seven or eight at a time: the other attempts had to wait for their turn.
    assert time.monotonic() - began > 4 * SHORTEST_TIMEOUT_S


def test_where_no_source_address_is_there_the_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PATIENCE_S", 0.1)
    sysctl(ROOM, {"ipv6/conf/all/disable_ipv6": "1"})
    with pytest.raises(OSError) as told:
        states("::1", [80])
    assert told.value.errno == errno.EADDRNOTAVAIL


def test_where_descriptors_run_out_fewer_are_asked_at_once_and_no_port_is_lost(full_port: int) -> None:
    program = f"""
import resource, sys
sys.path[:0] = ["tests"]
from sweep.test_attempts import *
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
held = [open("/dev/null") for _ in range(15)]
ports = [80, *range(1_000, 1_060)]
found = states(HOST, ports, street=OneDoor(HOST, {full_port}, but=80))
assert found == {{80: State.OPEN}} | dict.fromkeys(ports[1:], State.SILENT), found
"""
    words = ["ip", "netns", "exec", ROOM, sys.executable, "-c", program]
    done = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""


def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    class Broken(OpenStreet):
        def locate(self, endpoint: Endpoint) -> tuple[str, int]:
            return "10.88.0.1", 70_000

    with pytest.raises(OSError, match="0-65535"):
        states(HOST, [80], street=Broken())


def test_the_limit_of_descriptors_leaves_some_to_the_rest_of_the_audit() -> None:
    assert 1 <= most_at_once() <= MOST_AT_ONCE
