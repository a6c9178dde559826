"""Tests of what changed: gone is only said of what was looked at again."""

import ipaddress
from dataclasses import replace

import pytest

from sohoaudit.history.change import Difference, Kind, What, carried, compare
from sohoaudit.knowledge.gaps import Reason
from sohoaudit.model import Audit, Endpoint, Gap, Priority, Scope, Vantage

from .offices import OFFICE, SWEPT, audit, camera, finding, named, router, web


def told(difference: Difference) -> set[tuple[str, str]]:
    return {(change.what.value, change.kind.value) for change in difference.changes}


def test_two_equal_audits_differ_in_nothing() -> None:
    assert compare(audit(router(), camera()), audit(router(), camera(), day=1)).changes == ()


def test_a_new_device_is_new_with_its_findings_and_its_services_are_not_told_twice() -> None:
    difference = compare(audit(router()), audit(router(), camera(is_mapped=True)))
    assert [(c.what, c.kind) for c in difference.notable] == [(What.NEW, Kind.FINDING), (What.NEW, Kind.DEVICE)]


def test_a_device_that_did_not_answer_is_unseen_and_nobody_is_woken() -> None:
    difference = compare(audit(router(), camera(is_mapped=True)), audit(router()))
    assert [(c.what, c.kind, c.why) for c in difference.changes] == [(What.UNSEEN, Kind.DEVICE, Reason("silent"))]
    assert difference.notable == ()


def test_a_new_address_is_told_and_wakes_nobody() -> None:
    difference = compare(audit(camera()), audit(camera("192.168.1.31")))
    assert told(difference) == {("changed", "address")}
    assert difference.notable == ()


def test_other_firmware_is_a_change() -> None:
    (change,) = compare(audit(router()), audit(router(firmware="2.0"))).notable
    assert (change.kind, change.before, change.after) == (Kind.FIRMWARE, "1.0", "2.0")


def test_a_finding_that_was_fixed_before_comes_back() -> None:
    plain = router(findings=())
    (change,) = compare(audit(plain), audit(router()), fixed_before={"fin-eol"}).notable
    assert (change.what, change.kind) == (What.BACK, Kind.FINDING)


def test_a_finding_that_became_more_pressing_is_a_change() -> None:
    worse = router(findings=(finding("eol", "firmware.end-of-life", Priority.URGENT),))
    (change,) = compare(audit(router()), audit(worse)).notable
    assert (change.before, change.after) == ("medium", "urgent")


def test_a_removed_mapping_is_gone_where_the_router_gave_its_list_again() -> None:
    difference = compare(audit(router(), camera(is_mapped=True)), audit(router(), camera()))
    assert told(difference) == {("gone", "finding"), ("gone", "exposure")}
    assert [c.kind for c in difference.notable] == [Kind.FINDING]


QUIET_UPNP = router(services=(web("192.168.1.1", 443),))
OUTSIDE = Scope(OFFICE.networks, vantage=Vantage.INTERNET, targets=OFFICE.targets)
ELSEWHERE = Scope((ipaddress.ip_network("192.168.1.0/28"),), targets=("x",))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (audit(QUIET_UPNP, camera()), "gave no list"),
        (audit(camera()), "the router that lists it did not answer"),
        (audit(router(), camera(), is_complete=False), "stopped before its end"),
        (audit(router(), camera(), scope=OUTSIDE), "another place"),
        (audit(router(), camera(), gaps=(Gap("probe", "192.168.1.20", "left alone"),)), "left alone"),
        (audit(router(), camera(), gaps=(Gap("probe", "192.168.1.1:1900/udp", "no answer"),)), "no answer"),
    ],
    ids=["no list", "no router", "stopped", "another vantage", "camera left alone", "list unreadable"],
)
def test_a_mapping_that_could_not_be_looked_at_again_is_not_gone(now: Audit, why: str) -> None:
    difference = compare(audit(router(), camera(is_mapped=True)), now)
    (change,) = [c for c in difference.changes if c.kind is Kind.FINDING and c.finding and c.finding.id == "fin-map"]
    assert change.what is What.UNSEEN
    assert why in str(change.why)


def telnet() -> Audit:
    door = finding("t", "exposure.telnet", endpoint=Endpoint("192.168.1.20", 23))
    return audit(camera(findings=(door,), services=(web("192.168.1.20", 23),)))


def silent(place: str) -> Gap:
    return Gap("probe", place, "was open, then did not answer in time")


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (audit(camera()), What.GONE),
        (audit(camera(), settings=SWEPT | {"tcp ports asked": "80, 443"}), What.UNSEEN),
        (audit(camera(), settings=SWEPT | {"tcp ports asked": "22, 23"}), What.GONE),
        (audit(camera(), settings={}), What.UNSEEN),
        (
            audit(camera(), gaps=(silent("192.168.1.20:23"),)),
            What.UNSEEN,
        ),
        (audit(camera(), gaps=(silent("192.168.1.20:80"),)), What.GONE),
    ],
    ids=["asked", "other ports", "this port", "not told", "gap here", "gap at another door"],
)
def test_a_closed_door_is_gone_only_where_its_port_was_asked(now: Audit, what: What) -> None:
    (change,) = [c for c in compare(telnet(), now).changes if c.kind is Kind.FINDING]
    assert change.what is what


@pytest.mark.parametrize(
    ("identity", "what"),
    [(named("R1", "2.0"), What.GONE), (named("R1", None), What.UNSEEN), (None, What.UNSEEN)],
    ids=["another version", "no version told", "nothing told"],
)
def test_old_firmware_is_gone_only_where_the_device_told_its_version(identity: object, what: What) -> None:
    now = audit(router(findings=(), identity=identity))
    (change,) = [c for c in compare(audit(router()), now).changes if c.kind is Kind.FINDING]
    assert change.what is what


def test_what_could_not_be_looked_at_again_stays_known() -> None:
    then, now = audit(router(), camera(is_mapped=True)), audit(router(), camera(), is_complete=False)
    state = carried(then, then.devices[1], now, now.devices[1])
    assert [f.id for f in state.findings] == ["fin-map"]
    assert len(state.exposures) == 1
    assert carried(then, then.devices[1], audit(router(), camera()), camera()) == camera()


def test_a_device_outside_the_new_scope_is_unseen_and_says_so() -> None:
    (change,) = compare(audit(camera()), audit(scope=ELSEWHERE)).changes
    assert str(change.why) == "its address was not in the scope of this audit"
    assert replace(change, what=What.NEW).is_notable


def test_what_is_known_again_by_its_place_alone_and_tells_nothing_fixes_nothing() -> None:
    difference = compare(audit(camera(is_mapped=True)), audit(camera(identity=None, services=())))
    assert {(change.what, str(change.why)) for change in difference.changes} == {
        (What.UNSEEN, "the device did not tell what it is")
    }
