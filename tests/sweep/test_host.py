"""Tests of sweeping one host: what falls silent is left alone, rested, asked once more and then given up."""

import ipaddress
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from sohoaudit import sweep as room
from sohoaudit.audit import default_tcp_ports
from sohoaudit.cli.run import ports_of
from sohoaudit.dialer import Dialer
from sohoaudit.knowledge.ports import harmful_ports
from sohoaudit.model import Scope, Vantage
from sohoaudit.sweep import ATTEMPTS_AT_ONCE, SILENCES_BEFORE_DOUBT, WHOLE_HOST, Fell, Ports, State, sweep
from sohoaudit.sweep.pace import GENTLE, LAB, Manners, PoliteKeeper

HOST = "192.168.9.1"
ONE_BY_ONE = Manners("one by one", 2_000, 2_000, 2, 0, 30)


class Told:
    """A way of asking that answers as a function of (port, questions so far) says."""

    name = "told"

    def __init__(self, answer: Callable[[int, int], State]) -> None:
        self.answer = answer
        self.asked: list[int] = []

    def lot(self, address: str, dialer: Dialer) -> int:
        return 1

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        for port in ports:
            await dialer.pace.packet(address)
            self.asked.append(port)
            yield Ports(address, self.answer(port, len(self.asked)), (port,))


@pytest.fixture(autouse=True)
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REST_S", 0.01)


def dialer(keeper: PoliteKeeper | None = None) -> Dialer:
    return Dialer(Scope((ipaddress.ip_network(HOST),), vantage=Vantage.LAN), keeper or PoliteKeeper(ONE_BY_ONE))


async def states(way: Told, ports: Sequence[int], door: Dialer | None = None) -> dict[int, State]:
    heard = sweep(HOST, ports, door or dialer(), way)
    return {port: each.state async for each in heard for port in each.numbers}


async def test_a_host_that_stops_answering_is_asked_once_more_and_then_given_up() -> None:
    way = Told(lambda port, count: State.CLOSED if count <= 10 else State.SILENT)
    with pytest.raises(Fell, match=r"192\.168\.9\.1 stopped answering"):
        await states(way, range(1, 200))
    assert len(way.asked) <= 10 + SILENCES_BEFORE_DOUBT + ATTEMPTS_AT_ONCE + 2
    # The witness, before the rest and after it.
    assert way.asked[-2:] == [10, 10]


async def test_a_host_that_comes_back_after_its_rest_is_swept_to_the_end_and_gently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "ASKED_AGAIN", 0)
    keeper = PoliteKeeper(ONE_BY_ONE)

    def answer(port: int, count: int) -> State:
        # Port 10 is the witness; it answers again when it is asked for the third time, after the rest.
        is_asleep = count > 10 and way.asked.count(10) < 3
        return State.SILENT if is_asleep else State.CLOSED

    way = Told(answer)
    seen = await states(way, range(1, 60), dialer(keeper))
    assert set(seen) == set(range(1, 60))
    assert seen[59] is State.CLOSED
    assert keeper._host(HOST).manners is GENTLE


async def test_a_firewall_that_drops_most_ports_is_not_taken_for_a_fallen_host() -> None:
    way = Told(lambda port, count: State.OPEN if port == 3 else State.SILENT)
    seen = await states(way, range(1, 100))
    assert [port for port, state in seen.items() if state is State.OPEN] == [3]
    assert set(seen) == set(range(1, 100))


async def test_a_repetition_that_is_answered_is_told_to_the_link_as_a_loss() -> None:
    keeper = PoliteKeeper(LAB)
    way = Told(lambda port, count: State.SILENT if count == 5 else State.CLOSED)
    await states(way, range(1, 10), dialer(keeper))
    assert keeper.link._losses == 1


def test_no_default_port_and_no_port_of_a_range_does_harm() -> None:
    assert not harmful_ports() & set(default_tcp_ports())
    assert not harmful_ports() & set(ports_of("1-65535"))
    assert ports_of("9100,9099-9101") == (9100, 9099)


def test_a_thorough_look_asks_the_usual_ports_and_those_where_intruders_were_found() -> None:
    assert ports_of("thorough")[: len(default_tcp_ports())] == default_tcp_ports()
    assert {48101, 48102, 8816, 49254, 22335, 32459, 63210} < set(ports_of("thorough,9999"))
    assert not harmful_ports() & set(ports_of("thorough"))


class Whole(Told):
    """A way that takes all ports of a host in one go, and tells those that answered alike together."""

    def lot(self, address: str, dialer: Dialer) -> int:
        return WHOLE_HOST

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        self.asked.extend(ports)
        yield Ports(address, State.OPEN, (80,))
        yield Ports(address, State.SILENT, [port for port in ports if port != 80])


async def test_a_way_that_takes_the_whole_host_is_asked_once_and_believed() -> None:
    way = Whole(lambda port, count: State.SILENT)
    seen = await states(way, range(1, 201))
    assert way.asked == list(range(1, 201))
    assert [port for port, state in seen.items() if state is State.OPEN] == [80]
    assert len(seen) == 200
