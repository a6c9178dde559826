"""Tests of what verify would ask: just the ports that show a finding, from where it was seen, for the right client."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sohoaudit.history.store import History
from sohoaudit.model import Endpoint, Evidence, Exposure, Finding, Priority, Scope, Vantage
from sohoaudit.verifying import Errand, Outcome, Verified, errands, exit_code
from tests.history.offices import OFFICE, audit, camera, finding, router, web


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.db") as opened:
        yield opened


def asked(history: History, identifier: str) -> Errand:
    found, told = errands(history, [one for one in history.findings() if one.id == identifier])
    assert told == []
    (errand,) = found
    return errand


def test_a_door_is_asked_with_what_the_device_is_known_by(history: History) -> None:
    door = finding("t", "exposure.telnet", endpoint=Endpoint("192.168.1.20", 23))
    services = (web("192.168.1.20", 23), web("192.168.1.20", 80), web("192.168.1.20", 9_999))
    history.record(audit(router(), camera(findings=(door,), services=services[:1] + services[1:])), site="acme")
    errand = asked(history, "fin-t")
    assert errand.scope.targets == ("192.168.1.20",)
    assert {23, 80} <= set(errand.tcp_ports)
    assert 443 not in errand.tcp_ports
    assert errand.site == "acme"


def test_a_mapping_is_asked_of_the_router_too(history: History) -> None:
    history.record(audit(router(), camera(is_mapped=True)))
    errand = asked(history, "fin-map")
    assert errand.scope.targets == ("192.168.1.20", "192.168.1.1")
    assert {1_900, 5_351} <= set(errand.udp_ports)


def test_firmware_is_asked_at_every_door_that_was_open(history: History) -> None:
    history.record(audit(router(), camera()))
    errand = asked(history, "fin-eol")
    assert (errand.tcp_ports, errand.udp_ports) == ((443,), (1_900,))


def test_what_a_merged_look_from_outside_showed_is_not_asked_from_inside(history: History) -> None:
    outside = Endpoint("203.0.113.7", 22)
    door: Finding = finding("ssh", "exposure.ssh", Priority.URGENT, endpoint=outside)
    way = Exposure(outside, "ssh", Vantage.INTERNET, Evidence.CONNECTED, True)
    history.record(audit(router(findings=(door,), exposures=(way,))))
    found, told = errands(history, history.findings())
    assert found == []
    assert [one.outcome for one in told] == [Outcome.COULD_NOT_TELL]
    assert "scan from outside" in told[0].evidence


def test_a_finding_is_asked_from_where_it_was_seen(history: History) -> None:
    outside = Scope(OFFICE.networks, vantage=Vantage.INTERNET, authority="Ms Sato", targets=("wan",))
    history.record(audit(router(), scope=outside))
    errand = asked(history, "fin-eol")
    assert (errand.scope.vantage, errand.scope.authority) == (Vantage.INTERNET, "Ms Sato")


def test_what_is_fixed_already_is_not_asked_again(history: History) -> None:
    history.record(audit(router(), camera(is_mapped=True)))
    history.record(audit(router(), camera(), day=1))
    found, told = errands(history, [one for one in history.findings() if one.id == "fin-map"])
    assert (found, [one.outcome for one in told]) == ([], [Outcome.FIXED])
    assert "seen as fixed on 2026-11-03" in told[0].evidence


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.FIXED], 0),
        ([Outcome.FIXED, Outcome.COULD_NOT_TELL], 3),
        ([Outcome.COULD_NOT_TELL, Outcome.STILL_THERE], 1),
        ([], 0),
    ],
    ids=["fixed", "could not tell", "still there", "none"],
)
def test_the_exit_code_tells_the_worst(outcomes: list[Outcome], code: int) -> None:
    told = Verified("fin-1", "a title", Outcome.FIXED, "")
    assert exit_code(replace(told, outcome=outcome) for outcome in outcomes) == code
