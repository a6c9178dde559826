"""Tests of the raw helper on a real link between two namespaces: what it finds, what it may, and how it ends."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.capture import SYN, Capture, Packet, busiest_second, questions
from lab.namespaces import LabError, inside, ip, nft

from sohoaudit.knowledge.ports import harmful_ports
from sohoaudit.sweep import raw as program
from sohoaudit.sweep.frames import FIRST_SOURCE_PORT

pytestmark = pytest.mark.lab

ASKER, HOST, DROPS, TARPIT = "10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4"
ASKER6, HOST6 = "fd00:77::1", "fd00:77::2"
OPEN = (22, 80, 443)
PORTS = [80, 22, *range(1, 22), 443, *range(1_000, 1_024)]
HERE = Path(__file__).resolve().parents[2]
RULES = f"""
table ip t {{
  chain in {{ type filter hook input priority 0; ip daddr {DROPS} tcp dport != 80 drop; }}
  chain nat {{ type nat hook prerouting priority -100; ip daddr {TARPIT} tcp dport 1-65535 redirect to :80; }}
}}
"""


class Link:
    """Two namespaces and the wire between them; `command` makes it a lab to the capture."""

    def __init__(self) -> None:
        self.asker, self.office = (f"sweep{os.getpid()}-{name}" for name in ("a", "b"))
        self.sockets: list[socket.socket] = []

    def up(self) -> None:
        for name in (self.asker, self.office):
            subprocess.run(["ip", "netns", "add", name], check=True)
        ip([f"link add eth0 netns {self.asker} type veth peer name eth0 netns {self.office}"])
        six = f"addr add {ASKER6}/64 dev eth0 nodad"
        ip([f"addr add {ASKER}/24 dev eth0", six, "link set eth0 up", "link set lo up"], self.asker)
        ip([f"addr add {each}/24 dev eth0" for each in (HOST, DROPS, TARPIT)], self.office)
        ip([f"addr add {HOST6}/64 dev eth0 nodad", "link set eth0 up", "link set lo up"], self.office)
        nft(self.office, RULES)
        with inside(self.office):
            for port in OPEN:
                self.sockets.append(socket.create_server(("", port), backlog=256))

    def down(self) -> None:
        for each in self.sockets:
            each.close()
        for name in (self.asker, self.office):
            subprocess.run(["ip", "netns", "del", name], check=False)

    def command(self, host: str, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.asker if host == "asker" else self.office, *words]

    def start(self, *before: str, **told: object) -> "subprocess.Popen[str]":
        told = {"host": HOST, "scope": "10.77.0.0/24", "ports": PORTS} | told
        words = [*before, sys.executable, str(HERE / "tests/sweep/asking.py"), json.dumps(told)]
        where = os.environ | {"PYTHONPATH": str(HERE)}
        return subprocess.Popen(self.command("asker", *words), stdout=subprocess.PIPE, text=True, env=where, cwd=HERE)

    def ask(self, *before: str, **told: object) -> dict:
        out, _ = self.start(*before, **told).communicate(timeout=60)
        found = json.loads(out)
        found["states"] = {int(port): state for port, state in found["states"].items()}
        return found


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    made = Link()
    try:
        made.up()
    except (LabError, OSError, subprocess.CalledProcessError) as fault:
        made.down()
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no namespaces here: {fault}")
    yield made
    made.down()


@pytest.fixture(scope="module")
def swept(link: Link, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list[Packet]]:
    """One sweep at `normal`, in which the helper was also told to go astray, and all that left."""
    with Capture(link, "asker", tmp_path_factory.mktemp("wire") / "frames") as seen:  # type: ignore[arg-type]
        found = link.ask(astray=True)
    return found, seen.packets()


def open_of(found: dict) -> set[int]:
    return {port for port, state in found["states"].items() if state == "open"}


def test_every_port_is_told_and_none_is_invented(swept: tuple[dict, list[Packet]]) -> None:
    found, _ = swept
    assert (found["way"], found["fault"]) == ("syn", None)
    assert open_of(found) == set(OPEN)
    assert {state for port, state in found["states"].items() if port not in OPEN} == {"closed"}
    assert set(found["states"]) == set(PORTS)


def test_what_was_asked_after_the_proof_went_out_as_raw_packets(swept: tuple[dict, list[Packet]]) -> None:
    raw = [packet for packet in swept[1] if packet.source == ASKER and packet.source_port >= FIRST_SOURCE_PORT]
    assert len({packet.port for packet in raw if packet.flags == SYN}) >= len(PORTS) / 4


def test_nothing_leaves_for_another_address_or_a_harmful_port_whatever_the_helper_is_told(
    swept: tuple[dict, list[Packet]],
) -> None:
    sent = [packet for packet in swept[1] if packet.source == ASKER]
    assert {packet.destination for packet in sent} == {HOST}
    assert 9_100 not in {packet.port for packet in sent}


def test_the_host_gets_no_more_a_second_than_its_budget(swept: tuple[dict, list[Packet]]) -> None:
    assert busiest_second(questions(swept[1], ASKER))[HOST] <= 20


def test_nothing_half_open_stays_behind(link: Link, swept: tuple[dict, list[Packet]]) -> None:
    told = subprocess.run(link.command("office", "cat", "/proc/net/tcp"), capture_output=True, text=True, check=True)
    assert [line for line in told.stdout.splitlines()[1:] if line.split()[3] == "03"] == []


def test_the_helper_keeps_no_right_but_its_socket(swept: tuple[dict, list[Packet]]) -> None:
    status = dict(line.split(":\t", 1) for line in swept[0]["status"].splitlines() if ":\t" in line)
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == ["65534"] * 4


def test_a_helper_that_is_told_too_much_at_once_keeps_the_pace_by_itself(link: Link, tmp_path: Path) -> None:
    code = (
        "import asyncio, ipaddress\nfrom sohoaudit.here import Here\nfrom sohoaudit.model import Scope\n"
        "from sohoaudit.sweep.pace import NORMAL\nfrom sohoaudit.sweep.raw_client import Raw\n"
        "async def main():\n    scope = Scope((ipaddress.ip_network('10.77.0.0/24'),))\n"
        "    raw = await Raw.start(scope, NORMAL, Here(), ())\n"
        f"    await raw.ask([int(ipaddress.ip_address('{HOST}'))], range(2000, 2060), 0, 0)\n"
        "    await asyncio.sleep(2)\n    await raw.close()\n"
        "asyncio.run(main())\n"
    )
    with Capture(link, "asker", tmp_path / "frames") as seen:  # type: ignore[arg-type]
        command = link.command("asker", sys.executable, "-c", code)
        subprocess.run(command, env=os.environ | {"PYTHONPATH": str(HERE)}, check=True)
    asked = questions(seen.packets(), ASKER)
    assert 25 <= len(asked) <= 45
    assert busiest_second(asked)[HOST] <= 21


def test_a_helper_that_is_killed_costs_no_port_and_is_told(link: Link) -> None:
    found = link.ask(kill_after=20)
    assert found["way"] == "syn, then connect"
    assert "the raw helper stopped" in found["fault"]
    assert open_of(found) == set(OPEN)
    assert set(found["states"]) == set(PORTS)


def test_the_helper_ends_when_its_parent_is_killed(link: Link) -> None:
    parent = link.start(hang=True)
    assert parent.stdout
    helper = json.loads(parent.stdout.readline())["pid"]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    ends = time.monotonic() + 5
    while Path(f"/proc/{helper}").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(f"/proc/{helper}").exists()


def test_without_the_right_all_is_asked_by_connections_and_the_reason_is_told(link: Link) -> None:
    found = link.ask("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw")
    assert "need a right" in found["unavailable"]
    assert open_of(found) == set(OPEN)


def test_where_raw_answers_are_not_seen_the_helper_is_not_believed(link: Link) -> None:
    with _unseen(link):
        found = link.ask()
    assert (found["way"], open_of(found)) == ("connect", set(OPEN))
    assert "not seen here" in found["fault"]


def test_a_host_that_drops_shows_its_one_open_port_alone(link: Link) -> None:
    assert open_of(link.ask(host=DROPS)) == {80}


def test_a_host_that_accepts_every_port_is_told_as_it_is_and_ends(link: Link) -> None:
    assert open_of(link.ask(host=TARPIT)) == set(PORTS)


def test_forged_answers_and_a_flood_of_unreachables_change_nothing(link: Link) -> None:
    with _noise(link):
        found = link.ask()
    assert (found["way"], open_of(found)) == ("syn", set(OPEN))


def test_the_whole_link_is_asked_for_its_macs_within_two_seconds(link: Link) -> None:
    found = link.ask(resolve=True, ports=[])
    assert {address for address, _ in found["macs"]} == {HOST, DROPS, TARPIT}
    assert found["seconds"] < 2


def test_addresses_of_ipv6_are_asked_for_their_macs_by_nd(link: Link) -> None:
    found = link.ask(resolve=True, ports=[], scope="10.77.0.0/29 fd00:77::/125")
    assert {address for address, _ in found["macs"]} == {HOST, DROPS, TARPIT, HOST6}
    assert len({mac for _, mac in found["macs"]}) == 1


def test_an_interface_that_goes_down_is_a_fault_that_is_told(link: Link) -> None:
    process = link.start(ports=[80, *range(3_000, 3_080)], announce=True)
    assert process.stdout
    process.stdout.readline()
    time.sleep(2)
    ip(["link set eth0 down"], link.asker)
    try:
        found = json.loads(process.communicate(timeout=60)[0])
    finally:
        ip(["link set eth0 up"], link.asker)
    assert "the raw helper stopped" in (found["fault"] or "")


def test_a_link_without_macs_is_refused_in_one_line() -> None:
    nothing = {"on_link": [], "networks": [], "excluded": [], "shut": []}
    orders = program.Orders(interface="lo", source="127.0.0.1", host_rate=20, run_rate=1_000, **nothing)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="lo is no Ethernet or Wi-Fi link"):
        program.open_wire(orders)


@contextlib.contextmanager
def _unseen(link: Link) -> Iterator[None]:
    """Raw questions get no answer, whoever they ask."""
    rule = f"tcp sport >= {FIRST_SOURCE_PORT} drop"
    nft(link.office, f"table ip odd {{ chain in {{ type filter hook input priority -5;\n {rule}\n }}\n }}\n")
    try:
        yield
    finally:
        nft(link.office, "delete table ip odd")


@contextlib.contextmanager
def _noise(link: Link) -> Iterator[None]:
    """SYN-ACKs for every port that carry no cookie of ours, and ICMP unreachables that quote nothing of ours."""
    code = (
        "import random\nfrom scapy.layers.inet import IP, TCP, ICMP\nfrom scapy.layers.l2 import Ether, getmacbyip\n"
        "from scapy.config import conf\n"
        f"mac = getmacbyip('{ASKER}'); wire = conf.L2socket(iface='eth0')\n"
        f"base = Ether(dst=mac)/IP(src='{HOST}', dst='{ASKER}')\n"
        f"quote = IP(src='{ASKER}', dst='{HOST}')/TCP(sport=61001, dport=22, seq=1)\n"
        "acks = [bytes(base/TCP(sport=p, dport=random.randrange(61000, 65096), flags='SA', ack=random.getrandbits(32)))"
        " for p in range(1, 1100)]\n"
        "icmp = bytes(base/ICMP(type=3, code=3)/quote)\n"
        "import time\nwhile True:\n    for frame in acks:\n"
        "        wire.outs.send(frame); wire.outs.send(icmp); time.sleep(0.0002)\n"
    )
    noisy = subprocess.Popen(link.command("office", sys.executable, "-c", code), stderr=subprocess.DEVNULL)
    time.sleep(2)
    try:
        assert noisy.poll() is None, "the noise ended by itself"
        yield
    finally:
        noisy.kill()
        noisy.wait()


def test_without_a_pace_to_keep_a_whole_host_is_told_at_once_and_right(link: Link) -> None:
    found = link.ask(pace="lab", ports="all")
    assert (found["way"], found["fault"], open_of(found)) == ("syn", None, set(OPEN))
    # Ports that do harm when spoken to stay unasked, and count as silent.
    silent = {port for port, state in found["states"].items() if state == "silent"}
    assert silent == harmful_ports()
    assert len(found["states"]) == 65_535


def test_without_a_pace_a_host_that_drops_shows_its_one_open_port(link: Link) -> None:
    found = link.ask(pace="lab", host=DROPS, ports="all")
    assert open_of(found) == {80}
    assert len(found["states"]) == 65_535


def test_without_a_pace_a_helper_that_sees_no_answers_is_not_believed_either(link: Link) -> None:
    with _unseen(link):
        found = link.ask(pace="lab")
    assert (found["way"], open_of(found)) == ("connect", set(OPEN))


def test_without_a_pace_nobody_at_home_costs_every_port_a_line_and_ends(link: Link) -> None:
    began = time.monotonic()
    found = link.ask(pace="lab", host="10.77.0.77", ports=list(range(1, 101)))
    assert set(found["states"].values()) == {"silent"}
    assert len(found["states"]) == 100
    assert time.monotonic() - began < 10


def test_without_a_pace_a_helper_that_is_killed_costs_no_open_port(link: Link) -> None:
    found = link.ask(pace="lab", host=TARPIT, ports=PORTS, kill_after=1)
    assert open_of(found) == set(PORTS)
