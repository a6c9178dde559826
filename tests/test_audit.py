"""Tests of the pipeline: hosts stream through it, faults stay where they are, and it can be stopped at any moment."""

import asyncio
import errno
import ipaddress
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from sohoaudit import audit as pipeline
from sohoaudit.audit import Auditor, Settings, exit_code, plan
from sohoaudit.dialer import OpenStreet
from sohoaudit.document import to_document
from sohoaudit.here import Nowhere
from sohoaudit.journal import Head, Journal
from sohoaudit.merging import joined_scope
from sohoaudit.model import Audit, Endpoint, Gap, Priority, Scope, Vantage
from sohoaudit.sweep.pace import LAB, NORMAL

BOX, QUIET = "192.168.9.1", "192.168.9.9"
OFFICE = Scope((ipaddress.ip_network("192.168.9.0/27"),), targets=("192.168.9.0/27",))


class OnePage(OpenStreet):
    """An office in which .1 has a web page behind port 80 and nobody else lives."""

    has_multicast = False

    def __init__(self, port: int) -> None:
        self.port = port

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        if endpoint.address != BOX:
            raise OSError(errno.EHOSTUNREACH, "nobody")
        if endpoint.port != 80:
            raise ConnectionRefusedError
        return "127.0.0.1", self.port


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4_096)
    writer.write(b"HTTP/1.0 200 OK\r\nServer: tiny/1.2\r\n\r\n<title>Vigor Login Page</title>")
    await writer.drain()
    writer.close()


@pytest.fixture
async def street() -> AsyncIterator[OnePage]:
    server = await asyncio.start_server(_page, "127.0.0.1", 0)
    async with server:
        yield OnePage(server.sockets[0].getsockname()[1])


def auditor(street: OpenStreet, scope: Scope = OFFICE, **options: object) -> Auditor:
    return Auditor([scope], Settings(manners=LAB, **options), street=street, here=Nowhere())  # type: ignore[arg-type]


async def test_a_host_is_found_swept_asked_named_and_judged(street: OnePage) -> None:
    audit = await auditor(street).run()
    (device,) = audit.devices
    assert device.addresses == (BOX,)
    assert device.identity is not None
    assert device.identity.vendor == "DrayTek"
    (service,) = device.services
    assert (service.protocol, service.product, service.version) == ("http", "tiny", "1.2")
    assert audit.is_complete
    assert exit_code(audit, Priority.URGENT) == 0


async def test_a_named_target_that_says_nothing_is_a_gap_that_matters(street: OnePage) -> None:
    scope = Scope((ipaddress.ip_network(QUIET),), targets=(QUIET,))
    audit = await auditor(street, scope).run()
    assert [(gap.subject, gap.matters) for gap in audit.coverage] == [(QUIET, True)]
    assert exit_code(audit, Priority.URGENT) == 3


async def test_a_probe_that_fails_costs_one_line_and_not_the_audit(
    street: OnePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> AsyncIterator[None]:
        raise RuntimeError("no such luck")
        yield

    monkeypatch.setattr(pipeline.probe, "ask", broken)
    audit = await auditor(street).run()
    assert [device.addresses for device in audit.devices] == [(BOX,)]
    assert any("no such luck" in gap.reason and gap.matters for gap in audit.coverage)


async def test_a_device_that_never_ends_is_left_in_time(street: OnePage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(*_: object) -> AsyncIterator[None]:
        await asyncio.sleep(3_600)
        yield

    monkeypatch.setattr(pipeline.probe, "ask", endless)
    monkeypatch.setattr(pipeline, "HOST_TIME_S", 0.3)
    audit = await auditor(street).run()
    assert [gap.subject for gap in audit.coverage] == [BOX]
    assert [device.addresses for device in audit.devices] == [(BOX,)]


async def test_an_audit_that_is_stopped_reports_what_was_finished_and_leaves_no_task(
    street: OnePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: object) -> AsyncIterator[None]:
        await asyncio.sleep(3_600)
        yield

    monkeypatch.setattr(pipeline.probe, "ask", endless)
    run = auditor(street)
    asyncio.get_running_loop().call_later(0.3, run.stop)
    started = time.monotonic()
    audit = await run.run()
    assert time.monotonic() - started < 2
    assert not audit.is_complete
    assert exit_code(audit, Priority.URGENT) == 3
    assert [device.addresses for device in audit.devices] == [(BOX,)]
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_progress_is_heard_and_ends_with_every_host_finished(street: OnePage) -> None:
    heard: list[tuple[int, int]] = []
    run = Auditor(
        [OFFICE],
        Settings(manners=LAB),
        street=street,
        here=Nowhere(),
        watch=lambda progress: heard.append((progress.found, progress.finished)),
    )
    await run.run()
    assert heard[-1] == (1, 1)


def test_a_plan_names_the_addresses_the_ports_and_an_honest_time() -> None:
    intent = plan(OFFICE, Settings(manners=NORMAL))
    assert intent.addresses == 30
    assert intent.tcp_ports == 84
    # 84 ports at 20 a second are four seconds before a single page is read.
    assert 4 < intent.seconds < 60


EMPTY = Audit(scope=OFFICE, started=pipeline.datetime.now(pipeline.UTC), ended=pipeline.datetime.now(pipeline.UTC))


@pytest.mark.parametrize(
    ("gaps", "is_complete", "expected"),
    [
        ((), True, 0),
        ((Gap("probe", "a phone", "asleep"),), True, 0),
        ((Gap("sweep", "the router", "silent", matters=True),), True, 3),
        ((), False, 3),
    ],
    ids=["clean", "a sleeping phone", "a silent router", "stopped"],
)
def test_the_exit_code_tells_what_is_missing(gaps: tuple[Gap, ...], is_complete: bool, expected: int) -> None:
    audit = replace(EMPTY, coverage=gaps, is_complete=is_complete)
    assert exit_code(audit, Priority.URGENT) == expected


def test_the_vantage_of_a_run_is_its_first_scopes() -> None:
    wan = Scope((ipaddress.ip_network("203.0.113.7"),), vantage=Vantage.INTERNET, authority="me", targets=("wan",))
    both = joined_scope([OFFICE, wan])
    assert both.vantage is Vantage.LAN
    assert both.holds(BOX)
    assert both.holds("203.0.113.7")
    assert both.authority == "me"


async def test_a_resumed_audit_asks_nothing_twice_and_equals_an_undisturbed_one(
    street: OnePage, tmp_path: Path
) -> None:
    class Counting(OnePage):
        asked: ClassVar[list[str]] = []

        def locate(self, endpoint: Endpoint) -> tuple[str, int]:
            self.asked.append(endpoint.address)
            return super().locate(endpoint)

    begun = Head(OFFICE, pipeline.datetime.now(pipeline.UTC), (80,), (), b"k" * 16)
    journal = Journal.create(begun, tmp_path)
    first = await journaled(street, journal)
    journal.close()
    second = await journaled(Counting(street.port), Journal.reopen(journal.path))
    assert BOX not in Counting.asked
    assert told(second) == told(first)
    assert second.devices[0].addresses == (BOX,)


async def journaled(street: OnePage, journal: Journal) -> Audit:
    settings = Settings(manners=LAB, tcp_ports=(80,), udp_ports=())
    return await Auditor([OFFICE], settings, street=street, here=Nowhere(), journal=journal).run()


def told(audit: Audit) -> dict[str, object]:
    return to_document(replace(audit, ended=audit.started))


async def test_a_host_that_was_not_finished_is_not_in_the_journal(
    street: OnePage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: object) -> AsyncIterator[None]:
        await asyncio.sleep(3_600)
        yield

    monkeypatch.setattr(pipeline.probe, "ask", endless)
    journal = Journal.create(Head(OFFICE, EMPTY.started, (80,), (), b"k" * 16), tmp_path)
    run = Auditor([OFFICE], Settings(manners=LAB), street=street, here=Nowhere(), journal=journal)
    asyncio.get_running_loop().call_later(0.3, run.stop)
    await run.run()
    journal.close()
    assert Journal.reopen(journal.path).finished == ()
