"""Tests of the politeness: budgets hold for every host, over everything that is asked."""

import asyncio
import itertools
import time

import pytest

from sohoaudit.dialer import BudgetSpent
from sohoaudit.model import Endpoint
from sohoaudit.sweep.pace import GENTLE, Link, Manners, PoliteKeeper, Turns

QUICK = Manners("quick", 50, 1_000, 2, 0.02, 3)


async def _moments(keeper: PoliteKeeper, address: str, packets: int) -> list[float]:
    async def one() -> float:
        await keeper.packet(address)
        return time.monotonic()

    return sorted(await asyncio.gather(*(one() for _ in range(packets))))


async def test_packets_to_one_host_keep_its_rate() -> None:
    moments = await _moments(PoliteKeeper(QUICK), "192.0.2.1", 15)
    assert moments[-1] - moments[0] >= 14 / QUICK.host_packets_a_second * 0.95


async def test_hosts_do_not_wait_for_each_other() -> None:
    keeper = PoliteKeeper(QUICK)
    started = time.monotonic()
    await asyncio.gather(*(_moments(keeper, f"192.0.2.{host}", 5) for host in range(20)))
    assert time.monotonic() - started < 20 * 4 / QUICK.host_packets_a_second / 4


async def test_the_run_has_a_budget_of_its_own() -> None:
    keeper = PoliteKeeper(Manners("many", 1_000, 50, 2, 0, 3))
    started = time.monotonic()
    await asyncio.gather(*(_moments(keeper, f"192.0.2.{host}", 1) for host in range(11)))
    assert time.monotonic() - started >= 10 / 50 * 0.95


async def test_an_idle_time_saves_up_no_burst() -> None:
    turns = Turns(1 / 100)
    await turns.take()
    await asyncio.sleep(0.2)
    started = time.monotonic()
    for _ in range(5):
        await turns.take()
    assert time.monotonic() - started >= 0.035


async def test_requests_keep_their_gap_and_one_is_in_flight_at_an_endpoint() -> None:
    keeper = PoliteKeeper(QUICK)
    endpoint = Endpoint("192.0.2.1", 80)
    starts: list[float] = []
    in_flight = 0

    async def request() -> None:
        nonlocal in_flight
        async with keeper.request(endpoint):
            in_flight += 1
            assert in_flight == 1
            await keeper.gap(endpoint.address)
            starts.append(time.monotonic())
            in_flight -= 1

    await asyncio.gather(*(request() for _ in range(3)))
    assert all(later - earlier >= 0.019 for earlier, later in itertools.pairwise(starts))


async def test_a_late_loop_makes_no_burst() -> None:
    turns = Turns(1 / 50)
    moments: list[float] = []

    async def one() -> None:
        await turns.take()
        moments.append(time.monotonic())

    waiting = [asyncio.create_task(one()) for _ in range(8)]
    await asyncio.sleep(0.03)
    time.sleep(0.1)
    await asyncio.gather(*waiting)
    assert all(later - earlier >= 0.019 for earlier, later in itertools.pairwise(moments[2:]))


async def test_a_host_is_asked_no_more_requests_than_one_audit_may() -> None:
    keeper = PoliteKeeper(QUICK)
    for port in (80, 443, 8080):
        async with keeper.request(Endpoint("192.0.2.1", port)):
            pass
    with pytest.raises(BudgetSpent, match=r"192\.0\.2\.1 was asked 3 requests"):
        async with keeper.request(Endpoint("192.0.2.1", 81)):
            pass


async def test_who_needs_a_connection_for_a_moment_goes_before_the_others_and_none_is_lost() -> None:
    keeper = PoliteKeeper(GENTLE)
    served: list[str] = []

    async def use(name: str, *, is_brief: bool = False) -> None:
        async with keeper.connection("192.0.2.1", is_brief=is_brief):
            served.append(name)

    async with keeper.connection("192.0.2.1"):
        waiting = [asyncio.create_task(use("long")), asyncio.create_task(use("given up"))]
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(use("brief", is_brief=True)))
        await asyncio.sleep(0)
        waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert served == ["brief", "long"]
    await asyncio.wait_for(use("later"), 1)


async def test_a_connection_given_to_somebody_who_is_stopped_at_that_moment_is_given_on() -> None:
    keeper = PoliteKeeper(GENTLE)

    async def use() -> None:
        async with keeper.connection("192.0.2.1"):
            pass

    async with keeper.connection("192.0.2.1"):
        stopped = asyncio.create_task(use())
        await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    await asyncio.wait_for(use(), 1)


async def test_a_fragile_host_is_asked_gently_from_then_on_and_others_are_not() -> None:
    keeper = PoliteKeeper(QUICK)
    keeper.be_gentle_to("192.0.2.1")
    fragile = await _moments(keeper, "192.0.2.1", 3)
    other = await _moments(keeper, "192.0.2.2", 3)
    assert fragile[-1] - fragile[0] >= 2 / GENTLE.host_packets_a_second * 0.95
    assert other[-1] - other[0] < 1 / GENTLE.host_packets_a_second


def test_loss_halves_the_links_rate_and_clean_answers_raise_it_again() -> None:
    link = Link(1_000)
    for _ in range(6):
        link.lost()
    assert link.packets_a_second == 500
    link.answered(500)
    assert link.packets_a_second == 1_000


@pytest.mark.parametrize(("one_lost_of", "repeats"), [(1_000, 1), (50, 2), (10, 3), (4, 4)])
def test_a_line_that_loses_some_at_any_rate_is_not_slowed_down_and_asked_more_often(
    one_lost_of: int, repeats: int
) -> None:
    link = Link(1_000)
    for number in range(1, 1_000):
        link.answered(1)
        if number % one_lost_of == 0:
            link.lost()
    assert (link.packets_a_second == 1_000) is (one_lost_of >= 10)
    assert link.repeats == repeats


def test_a_queue_on_the_way_halves_the_rate_and_one_slow_device_does_not() -> None:
    queued, one_slow = Link(1_000), Link(1_000)
    for number in range(120):
        host = f"192.0.2.{number % 10}"
        queued.heard(host, 0.01 if number < 10 else 0.4)
        one_slow.heard(host, 0.4 if number % 10 == 3 and number > 10 else 0.01)
    assert queued.packets_a_second <= 500
    assert one_slow.packets_a_second == 1_000


def test_the_rate_never_falls_below_what_one_office_needs_to_be_finished() -> None:
    link = Link(1_000)
    for _ in range(1_000):
        link.lost()
    assert link.packets_a_second == Link.LEAST_PACKETS_A_SECOND


async def test_a_slower_link_holds_the_whole_run_back() -> None:
    keeper = PoliteKeeper(Manners("many", 1_000, 400, 2, 0, 3))
    for _ in range(12):
        keeper.lost("192.0.2.1")
    started = time.monotonic()
    await asyncio.gather(*(_moments(keeper, f"192.0.2.{host}", 1) for host in range(11)))
    assert time.monotonic() - started >= 10 / 100 * 0.95


async def test_a_full_run_bunches_nothing_for_one_host() -> None:
    keeper = PoliteKeeper(Manners("full", 50, 100, 2, 0, 3))
    others = [asyncio.create_task(_moments(keeper, f"192.0.2.{host}", 12)) for host in range(2, 6)]
    moments = await _moments(keeper, "192.0.2.1", 12)
    await asyncio.gather(*others)
    assert all(later - earlier >= 0.019 for earlier, later in itertools.pairwise(moments))


async def test_talk_goes_before_the_sweep_that_waits_and_holds_its_gap_too() -> None:
    keeper = PoliteKeeper(QUICK)
    moments: list[tuple[float, bool]] = []

    async def one(is_talk: bool) -> None:
        await keeper.packet("192.0.2.1", is_talk=is_talk)
        moments.append((time.monotonic(), is_talk))

    swept = [asyncio.create_task(one(False)) for _ in range(20)]
    await asyncio.sleep(0.05)
    await asyncio.gather(one(True), one(True))
    assert len(moments) < 8
    await asyncio.gather(*swept)
    assert len(moments) == 22
    assert all(later[0] - earlier[0] >= 0.019 for earlier, later in itertools.pairwise(moments))
