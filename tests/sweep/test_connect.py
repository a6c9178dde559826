"""Tests of the connect sweep on real sockets of loopback."""

import asyncio
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.model import Endpoint, Scope, Vantage
from sohoaudit.sweep import SILENT_PORTS_BEFORE_GIVING_UP, State, attempts, sweep
from sohoaudit.sweep.connect import FIRST_TIMEOUT_S, SHORTEST_TIMEOUT_S, Connect, timeout_s
from sohoaudit.sweep.pace import LAB, NORMAL, Manners, PoliteKeeper

HOST = "127.0.0.1"
# As `normal`, for tests in a hurry: slow enough that ports are asked one by one.
POLITE = Manners("polite", 150, 1_000, 24, 0, 30)
PACES = pytest.mark.parametrize("manners", [POLITE, LAB], ids=lambda manners: manners.name)
HERE = Path(__file__).resolve().parents[2]


class SilentStreet(OpenStreet):
    """A host whose firewall drops everything: the attempt waits until its time is over."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        self.asked.append(endpoint.port)
        raise TimeoutError


class Street(OpenStreet):
    """Some ports by number, and where they really are; the others are where they say."""

    def __init__(self, places: dict[int, int]) -> None:
        self.places = places

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        return HOST, self.places.get(endpoint.port, endpoint.port)


@pytest.fixture(params=["linux", "elsewhere"], autouse=True)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of hearing what became of an attempt."""
    if request.param == "elsewhere":
        monkeypatch.setattr(attempts, "refused_sockets_work_again", lambda: False)
    return str(request.param)


@pytest.fixture
def open_ports() -> Iterator[list[int]]:
    doors = [socket.create_server((HOST, 0)) for _ in range(5)]
    yield [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port that lets every attempt pass in silence: nobody is let in, and the queue before it is full."""
    with socket.socket() as door, socket.socket() as first:
        door.bind((HOST, 0))
        door.listen(0)
        first.connect(door.getsockname())
        yield door.getsockname()[1]


def _dialer(street: OpenStreet | None = None, vantage: Vantage = Vantage.LAN, manners: Manners = LAB) -> Dialer:
    return Dialer(Scope((ipaddress.ip_network(HOST),), vantage=vantage), PoliteKeeper(manners), street)


async def _states(ports: list[int], dialer: Dialer, address: str = HOST) -> dict[int, State]:
    swept = [heard async for heard in sweep(address, ports, dialer, Connect())]
    numbers = [number for heard in swept for number in heard.numbers]
    assert len(numbers) == len(set(numbers))
    assert all(len(heard.numbers) == 1 for heard in swept if heard.state is State.OPEN)
    return {number: heard.state for heard in swept for number in heard.numbers}


@PACES
async def test_every_port_is_told_once_and_open_and_closed_ones_apart(open_ports: list[int], manners: Manners) -> None:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        closed_port = bound.getsockname()[1]
        states = await _states([closed_port, *open_ports], _dialer(manners=manners))
    assert states == dict.fromkeys(open_ports, State.OPEN) | {closed_port: State.CLOSED}


async def test_of_thousands_of_ports_exactly_the_open_ones_are_found(open_ports: list[int]) -> None:
    dialer = _dialer()
    ports = [*range(1, 9_000), *open_ports]
    states = await _states(ports, dialer)
    found = {state: {port for port in ports if states[port] is state} for state in State}
    assert set(open_ports) <= found[State.OPEN] <= _listening()
    assert found[State.SILENT] == dialer.shut.intersection(ports)


def _listening() -> set[int]:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {int(row.split()[1].rpartition(":")[2], 16) for row in rows if row.split()[3] == "0A"}


@PACES
async def test_ports_over_ipv6_are_told_apart(manners: Manners) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as door, socket.socket(socket.AF_INET6) as bound:
        bound.bind(("::1", 0))
        open_port, closed_port = door.getsockname()[1], bound.getsockname()[1]
        dialer = Dialer(Scope((ipaddress.ip_network("::1"),)), PoliteKeeper(manners))
        states = await _states([open_port, closed_port], dialer, "::1")
    assert states == {open_port: State.OPEN, closed_port: State.CLOSED}


@PACES
async def test_an_open_port_is_told_while_a_silent_one_still_waits(
    open_ports: list[int], full_port: int, manners: Manners
) -> None:
    began = time.monotonic()
    ports = sweep(HOST, [full_port, open_ports[0]], _dialer(manners=manners), Connect())
    first = await anext(aiter(ports))
    assert (first.state, first.endpoint.port) == (State.OPEN, open_ports[0])
    assert time.monotonic() - began < SHORTEST_TIMEOUT_S
    await ports.aclose()


@PACES
async def test_a_port_that_says_nothing_is_silent_and_waited_for_no_longer_than_its_time(
    open_ports: list[int], full_port: int, manners: Manners
) -> None:
    began = time.monotonic()
    states = await _states([full_port, *open_ports], _dialer(manners=manners))
    assert states[full_port] is State.SILENT
    # It is asked twice, and waited for as a stranger at most.
    assert 2 * SHORTEST_TIMEOUT_S <= time.monotonic() - began < 2 * FIRST_TIMEOUT_S + 0.5


async def test_a_host_on_this_link_that_drops_everything_is_given_up_early() -> None:
    street = SilentStreet()
    states = await _states(list(range(1, 201)), _dialer(street, manners=POLITE))
    assert set(states.values()) == {State.SILENT}
    assert SILENT_PORTS_BEFORE_GIVING_UP <= len(street.asked) < 100


async def test_in_haste_a_host_that_drops_everything_is_asked_a_sample_first() -> None:
    street = SilentStreet()
    states = await _states(list(range(1, 5_001)), _dialer(street))
    assert set(states) == set(range(1, 5_001))
    assert len(street.asked) < 2_000


@PACES
async def test_a_host_seen_from_the_internet_is_asked_all_ports_before_it_counts_as_silent(manners: Manners) -> None:
    street = SilentStreet()
    await _states(list(range(1, 101)), _dialer(street, Vantage.INTERNET, manners))
    assert sorted(street.asked) == list(range(1, 101))


@PACES
async def test_a_port_that_stayed_silent_on_a_host_that_answers_is_asked_once_more(
    open_ports: list[int], manners: Manners
) -> None:
    class LossyStreet(OpenStreet):
        lost = True

        def locate(self, endpoint: Endpoint) -> tuple[str, int]:
            if endpoint.port == open_ports[0] and self.lost:
                self.lost = False
                raise TimeoutError
            return HOST, endpoint.port

    states = await _states(open_ports, _dialer(LossyStreet(), manners=manners))
    assert set(states.values()) == {State.OPEN}


@PACES
async def test_what_the_scope_does_not_hold_and_what_does_harm_is_never_dialled(manners: Manners) -> None:
    with socket.create_server(("127.0.0.2", 0)) as outside, socket.create_server((HOST, 0)) as harmful:
        for door in (outside, harmful):
            door.setblocking(False)
        dialer = _dialer(manners=manners)
        dialer.shut |= {harmful.getsockname()[1]}
        assert set((await _states([outside.getsockname()[1]], dialer, "127.0.0.2")).values()) == {State.SILENT}
        assert set((await _states([harmful.getsockname()[1]], dialer)).values()) == {State.SILENT}
        for door in (outside, harmful):
            with pytest.raises(BlockingIOError):
                door.accept()


async def test_an_attempt_counts_among_the_hosts_connections(open_ports: list[int]) -> None:
    dialer = _dialer(manners=NORMAL)
    first, second = (dialer.open(Endpoint(HOST, port), 1) for port in open_ports[:2])
    async with first:
        async with second:
            asked = asyncio.create_task(_states([open_ports[2]], dialer))
            await asyncio.sleep(0.3)
            assert not asked.done()
        assert await asked == {open_ports[2]: State.OPEN}


async def test_a_question_waits_behind_no_more_than_one_attempt(open_ports: list[int]) -> None:
    dialer = _dialer(manners=NORMAL)
    asked = asyncio.create_task(_states([*range(2, 22), *open_ports], dialer))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    async with dialer.open(Endpoint(HOST, open_ports[0]), 1):
        # Two turns of 50 ms, where 25 attempts are waiting for theirs.
        assert time.monotonic() - began < 0.5
    assert set(open_ports) <= {port for port, state in (await asked).items() if state is State.OPEN}


async def test_a_silent_attempt_gives_its_connection_back_before_its_time_is_over(
    open_ports: list[int], full_port: int
) -> None:
    dialer = _dialer(manners=NORMAL)
    began = time.monotonic()
    places = Street(dict.fromkeys(range(1, 5), full_port))
    dialer.street = places
    assert set((await _states([1, 2, 3, 4], dialer)).values()) == {State.SILENT}
    assert time.monotonic() - began < 2 * FIRST_TIMEOUT_S


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _until_over() -> None:
    async with asyncio.timeout(2):
        while any(thread.name == "connection attempts" for thread in threading.enumerate()):
            await asyncio.sleep(0.02)


@PACES
async def test_a_sweep_that_is_over_leaves_no_thread_and_no_descriptor_behind(
    open_ports: list[int], full_port: int, manners: Manners
) -> None:
    await _until_over()
    before = _descriptors()
    await _states([*open_ports, full_port, *range(1, 30)], _dialer(manners=manners))
    await _until_over()
    assert _descriptors() == before


@PACES
async def test_a_sweep_that_is_abandoned_leaves_no_task_no_thread_and_no_descriptor_behind(
    open_ports: list[int], full_port: int, manners: Manners
) -> None:
    await _until_over()
    before = _descriptors()
    ports = sweep(HOST, [*open_ports, full_port, *range(1, 2_000)], _dialer(manners=manners), Connect())
    await anext(ports)
    await ports.aclose()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    await _until_over()
    assert _descriptors() == before


async def test_the_same_way_sweeps_again_after_its_thread_has_ended(open_ports: list[int]) -> None:
    way, dialer = Connect(), _dialer()
    for _ in range(2):
        found = [heard.endpoint.port async for heard in way.ask(HOST, open_ports, dialer)]
        assert sorted(found) == sorted(open_ports)
        await _until_over()


def test_an_event_loop_that_is_closed_in_the_middle_leaves_no_thread(full_port: int) -> None:
    async def begin() -> None:
        await anext(sweep(HOST, [*range(1, 50), full_port], _dialer(), Connect()))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    asyncio.run(_until_over())


@PACES
def test_ctrl_c_ends_it_within_two_seconds(full_port: int, manners: Manners, system: str) -> None:
    program = f"""
import asyncio, ipaddress, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.model import Scope, Vantage
from sohoaudit.sweep import attempts, sweep
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import Manners, PoliteKeeper
class Street(OpenStreet):
    def locate(self, endpoint): return "{HOST}", {full_port}
async def main():
    scope = Scope((ipaddress.ip_network("{HOST}"),), vantage=Vantage.INTERNET)
    print("began", flush=True)
    async for _ in sweep("{HOST}", range(1, 65_000), Dialer(scope, PoliteKeeper({manners}), Street()), Connect()): pass
if {system == "elsewhere"}: attempts.refused_sockets_work_again = lambda: False
asyncio.run(main())
"""
    started = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=HERE
    )
    assert started.stdout and started.stdout.readline() == b"began\n"
    time.sleep(0.5)
    began = time.monotonic()
    os.kill(started.pid, signal.SIGINT)
    _, said = started.communicate(timeout=10)
    assert time.monotonic() - began < 2
    assert said.strip().endswith(b"KeyboardInterrupt")


def test_the_wait_for_a_silent_port_follows_the_hosts_round_trip() -> None:
    dialer = _dialer()
    assert timeout_s(dialer, HOST) == FIRST_TIMEOUT_S
    dialer.round_trips_s[HOST] = 0.001
    assert timeout_s(dialer, HOST) == SHORTEST_TIMEOUT_S
    dialer.round_trips_s[HOST] = 5
    assert timeout_s(dialer, HOST) == FIRST_TIMEOUT_S
