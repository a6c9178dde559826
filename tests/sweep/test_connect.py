"""Tests of the connect sweep on real sockets of loopback."""

import asyncio
import ipaddress
import socket

from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.model import Endpoint, Scope, Vantage
from sohoaudit.sweep import SILENT_PORTS_BEFORE_GIVING_UP, State, sweep
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import LAB, PoliteKeeper

HOST = "127.0.0.1"


class SilentStreet(OpenStreet):
    """A host whose firewall drops everything: the attempt waits until its time is over."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        self.asked.append(endpoint.port)
        raise TimeoutError


def _dialer(street: OpenStreet | None = None, vantage: Vantage = Vantage.LAN) -> Dialer:
    return Dialer(Scope((ipaddress.ip_network(HOST),), vantage=vantage), PoliteKeeper(LAB), street)


async def _states(ports: list[int], dialer: Dialer) -> dict[int, State]:
    return {port: each.state async for each in sweep(HOST, ports, dialer, Connect()) for port in each.numbers}


async def test_open_and_closed_ports_are_told_apart() -> None:
    with socket.socket() as listening, socket.socket() as bound:
        listening.bind((HOST, 0))
        listening.listen()
        bound.bind((HOST, 0))
        open_port, closed_port = listening.getsockname()[1], bound.getsockname()[1]
        assert await _states([open_port, closed_port], _dialer()) == {
            open_port: State.OPEN,
            closed_port: State.CLOSED,
        }


async def test_a_port_is_told_as_soon_as_it_is_known() -> None:
    class OneSlowPort(OpenStreet):
        def locate(self, endpoint: Endpoint) -> tuple[str, int]:
            if endpoint.port == 9:
                raise TimeoutError
            return HOST, endpoint.port

    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        first = await anext(aiter(sweep(HOST, [9, listening.getsockname()[1]], _dialer(OneSlowPort()), Connect())))
    assert first.state is State.OPEN


async def test_a_host_on_this_link_that_drops_everything_is_given_up_early() -> None:
    street = SilentStreet()
    states = await _states(list(range(1, 201)), _dialer(street))
    assert set(states.values()) == {State.SILENT}
    assert SILENT_PORTS_BEFORE_GIVING_UP <= len(street.asked) < 100


async def test_a_host_seen_from_the_internet_is_asked_all_ports_before_it_counts_as_silent() -> None:
    street = SilentStreet()
    await _states(list(range(1, 101)), _dialer(street, Vantage.INTERNET))
    assert sorted(street.asked) == list(range(1, 101))


async def test_a_port_that_stayed_silent_on_a_host_that_answers_is_asked_once_more() -> None:
    class LossyStreet(OpenStreet):
        lost = True

        def locate(self, endpoint: Endpoint) -> tuple[str, int]:
            if endpoint.port == lossy and self.lost:
                self.lost = False
                raise TimeoutError
            return HOST, endpoint.port

    with socket.socket() as first, socket.socket() as second:
        for listening in (first, second):
            listening.bind((HOST, 0))
            listening.listen()
        lossy = first.getsockname()[1]
        states = await _states([lossy, second.getsockname()[1]], _dialer(LossyStreet()))
    assert set(states.values()) == {State.OPEN}


async def test_a_sweep_that_is_abandoned_leaves_no_task_and_no_socket_behind() -> None:
    ports = sweep(HOST, list(range(1, 60)), _dialer(), Connect())
    await anext(ports)
    await ports.aclose()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_the_wait_for_a_silent_port_follows_the_hosts_round_trip() -> None:
    from sohoaudit.sweep.connect import FIRST_TIMEOUT_S, SHORTEST_TIMEOUT_S, timeout_s

    dialer = _dialer()
    assert timeout_s(dialer, HOST) == FIRST_TIMEOUT_S
    dialer.round_trips_s[HOST] = 0.001
    assert timeout_s(dialer, HOST) == SHORTEST_TIMEOUT_S
    dialer.round_trips_s[HOST] = 5
    assert timeout_s(dialer, HOST) == FIRST_TIMEOUT_S
