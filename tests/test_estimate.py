"""Tests of the estimate: whole audits at several paces on a clock that jumps, and how long they were said to take."""

import asyncio
import ipaddress
import selectors
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from typing import Any

import pytest

from sohoaudit.audit import Auditor, Progress, Settings, plan
from sohoaudit.dialer import Dialer, OpenStreet
from sohoaudit.estimate import Estimate
from sohoaudit.here import Nowhere
from sohoaudit.model import Endpoint, Scope
from sohoaudit.sweep import Ports, State
from sohoaudit.sweep.pace import GENTLE, NORMAL, Manners

SLOW_LINK = Manners("slow", 20, 200, 2, 0.25, 30)
EVERY_PORT = tuple(range(10_000, 12_000))


class Jumping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next moment that somebody waits for, unless a thread is at work."""

    def __init__(self) -> None:
        self.now_s, self.at_work = 0.0, 0
        loop = self

        class Impatient(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
                if timeout and not loop.at_work:
                    loop.now_s += timeout
                    timeout = 0
                return super().select(0.001 if loop.at_work else timeout)

        super().__init__(Impatient())

    def time(self) -> float:
        return self.now_s

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:
        self.at_work += 1
        work = super().run_in_executor(executor, func, *args)
        work.add_done_callback(lambda done: setattr(self, "at_work", self.at_work - 1))
        return work


class Refusing:
    """A way of asking ports to which every host answers "closed" after its round trip."""

    name = "refusing"

    def lot(self, address: str, dialer: Dialer) -> int:
        return 1

    async def ask(self, address: str, ports: Sequence[int], dialer: Dialer) -> AsyncGenerator[Ports, None]:
        await dialer.admit(address, ports)
        await asyncio.sleep(0.01)
        yield Ports(address, State.CLOSED, ports)


@pytest.fixture(autouse=True)
def no_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tenth address of the network lives, and refuses whatever it is asked; nothing is sent."""

    async def connect(self: Dialer, endpoint: Endpoint, timeout_s: float, **more: object) -> None:
        await self.pace.packet(endpoint.address)
        lives = int(endpoint.address.rpartition(".")[2]) % EVERY == 1
        await asyncio.sleep(0.01 if lives else timeout_s)
        raise ConnectionRefusedError if lives else TimeoutError

    async def ask(self: Dialer, endpoint: Endpoint, *more: object, **still: object) -> None:
        await self.pace.packet(endpoint.address)
        raise ConnectionRefusedError

    monkeypatch.setattr(Dialer, "connect", connect)
    monkeypatch.setattr(Dialer, "ask", ask)


EVERY = 10


class Quiet(OpenStreet):
    has_multicast = False


def told_over(network: str, settings: Settings) -> tuple[list[tuple[float, float]], float]:
    """The moments at which the time left was told, what was told, and when the audit ended."""
    told: list[tuple[float, float]] = []
    loop = Jumping()

    def watch(progress: Progress) -> None:
        if progress.left_s is not None:
            told.append((loop.time(), progress.left_s))

    async def audit() -> None:
        scope = Scope((ipaddress.ip_network(network),), targets=(network,))
        auditor = Auditor([scope], settings, street=Quiet(), here=Nowhere(), watch=watch)
        auditor._way = Refusing()
        await auditor.run()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(audit())
        return told, loop.now_s


@pytest.mark.parametrize(
    ("network", "settings"),
    [
        ("192.168.9.0/24", Settings(manners=NORMAL)),
        ("192.168.9.0/24", Settings(manners=GENTLE)),
        ("192.168.9.1", Settings(manners=GENTLE)),
        ("192.168.9.1", Settings(manners=NORMAL, tcp_ports=EVERY_PORT)),
        ("192.168.9.0/24", Settings(manners=SLOW_LINK, tcp_ports=EVERY_PORT[:300])),
    ],
    ids=["an office", "an office, gently", "one host, gently", "2,000 ports", "the budget of the run decides"],
)
def test_after_a_tenth_of_the_time_the_rest_is_told_within_a_fifth(network: str, settings: Settings) -> None:
    told, whole_s = told_over(network, settings)
    later = [(moment, left) for moment, left in told if 0.1 * whole_s <= moment <= 0.9 * whole_s]
    assert later
    assert [(round(moment, 1), round(moment + left, 1)) for moment, left in later
            if abs(moment + left - whole_s) > 0.2 * whole_s] == []  # fmt: skip


def test_a_link_that_turned_slow_is_seen_in_the_time_that_is_left() -> None:
    estimate = Estimate(100, NORMAL)
    estimate.begin("192.0.2.1", 0)
    assert estimate.left_s(10, {"192.0.2.1": 20}, is_discovering=False, run_rate=1_000) == pytest.approx(40)
    assert estimate.left_s(10, {"192.0.2.1": 20}, is_discovering=False, run_rate=1) == pytest.approx(80)


def test_a_host_that_is_spoken_to_takes_as_long_as_the_others_did() -> None:
    estimate = Estimate(10, NORMAL)
    for host in "12":
        estimate.begin(host, 0)
        estimate.speak(host, 1)
    sent = {"1": 10, "2": 10}
    assert estimate.left_s(3, sent, is_discovering=False, run_rate=1_000) == pytest.approx(6)
    estimate.end("1", 21)
    assert estimate.left_s(21, sent, is_discovering=False, run_rate=1_000) == pytest.approx(0)
    estimate.begin("3", 21)
    estimate.speak("3", 21)
    assert estimate.left_s(22, sent | {"3": 10}, is_discovering=False, run_rate=1_000) == pytest.approx(19)


def test_the_plan_tells_what_two_thousand_ports_take() -> None:
    scope = Scope((ipaddress.ip_network("192.168.9.1"),))
    settings = Settings(manners=NORMAL, tcp_ports=EVERY_PORT)
    _, whole_s = told_over("192.168.9.1", settings)
    assert plan(scope, settings).seconds == pytest.approx(whole_s, rel=0.2)
