"""Tests of the history on SQLite and PostgreSQL: what was found, fixed and came back over a month."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sohoaudit import document
from sohoaudit.history import HistoryError
from sohoaudit.history.store import History
from sohoaudit.model import Endpoint, Evidence, Exposure, Gap, Scope, Vantage

from .offices import MONDAY, OFFICE, audit, camera, finding, router


def past(history: History, identifier: str) -> tuple[object, ...]:
    (one,) = [each for each in history.findings() if each.id == identifier]
    return tuple(time and (time - MONDAY).days for time in (one.first_seen, one.last_seen, one.fixed, one.came_back))


def test_an_audit_comes_back_as_it_was_kept(history: History) -> None:
    gone_in = audit(router(), camera(is_mapped=True), gaps=(Gap("probe", "192.168.1.9", "asleep"),))
    kept = history.record(gone_in)
    again = history.audit(kept.id)
    expected = [replace(d, findings=tuple(replace(f, first_seen=MONDAY) for f in d.findings)) for d in gone_in.devices]
    assert document.to_document(again) == document.to_document(replace(gone_in, devices=tuple(expected)))


def test_a_finding_is_seen_fixed_and_comes_back(history: History) -> None:
    history.record(audit(router(), camera(), day=0))
    history.record(audit(router(), camera(is_mapped=True), day=7))
    assert past(history, "fin-map") == (7, 7, None, None)
    history.record(audit(router(), camera(is_mapped=True), day=14))
    assert past(history, "fin-map") == (7, 14, None, None)
    history.record(audit(router(), camera(), day=21))
    assert past(history, "fin-map") == (7, 14, 21, None)
    back = history.record(audit(router(), camera(is_mapped=True), day=28))
    assert past(history, "fin-map") == (7, 28, None, 28)
    assert [c.what for c in back.difference.notable] == ["back"]


def test_what_was_not_looked_at_again_is_not_fixed(history: History) -> None:
    history.record(audit(router(), camera(is_mapped=True)))
    history.record(audit(router(), day=1))
    history.record(audit(camera(), day=2))
    assert past(history, "fin-map") == (0, 0, None, None)


def test_a_night_without_the_camera_makes_it_neither_gone_nor_new(history: History) -> None:
    history.record(audit(router(), camera(is_mapped=True)))
    assert history.record(audit(router(), day=1)).difference.notable == ()
    assert history.record(audit(router(), camera(is_mapped=True), day=2)).difference.notable == ()


def test_a_device_that_is_always_half_read_is_told_once(history: History) -> None:
    gap = (Gap("probe", "192.168.1.20", "left alone"),)
    half = replace(camera(), services=())
    history.record(audit(router(), half, gaps=gap))
    read_more = history.record(audit(router(), camera(), day=1, gaps=gap))
    assert [change.kind for change in read_more.difference.notable] == ["service"]
    for day in (2, 3):
        assert history.record(audit(router(), half, day=day, gaps=gap)).difference.notable == ()
        assert history.record(audit(router(), camera(), day=day, gaps=gap)).difference.notable == ()


def test_a_device_keeps_its_id_over_a_new_address_and_new_firmware(history: History) -> None:
    history.record(audit(router(), camera()))
    moved = router("192.168.1.254", firmware="2.0", id="dev-zzz", keys=("tls:new", "mac:00:00:5e:00:53:01"))
    kept = history.record(audit(moved, camera("192.168.1.31", id="dev-yyy"), day=7))
    assert {device.id for device in kept.audit.devices} == {"dev-router", "dev-camera"}
    told = sorted((change.kind.value, change.after) for change in kept.difference.changes)
    assert told == [("address", "192.168.1.254"), ("address", "192.168.1.31"), ("firmware", "2.0")]
    assert {box.id: box.certainty for box in history.devices()} == {"dev-router": "certain", "dev-camera": "likely"}


def test_another_box_at_an_old_address_is_another_device_with_findings_of_its_own(history: History) -> None:
    history.record(audit(camera(is_mapped=True), router()))
    other = camera(is_mapped=True, identity=replace(camera().identity, model="Z9"))
    kept = history.record(audit(other, router(), day=1))
    (device,) = [d for d in kept.audit.devices if d.identity and d.identity.model == "Z9"]
    assert device.id != "dev-camera"
    assert device.findings[0].id != "fin-map"
    again = history.record(audit(other, router(), day=2))
    ids = [{f.id for d in one.audit.devices for f in d.findings} for one in (kept, again)]
    assert ids[0] == ids[1]
    assert again.difference.notable == ()


def test_two_sites_with_the_same_addresses_are_kept_apart(history: History) -> None:
    history.record(audit(camera(is_mapped=True)), site="acme")
    kept = history.record(audit(camera(is_mapped=True), day=1), site="other")
    assert kept.is_first
    assert kept.audit.devices[0].id != "dev-camera"
    assert len(history.devices()) == 2
    assert len(history.findings()) == 2


def test_what_the_inside_still_sees_is_not_fixed_because_the_outside_sees_it_no_more(history: History) -> None:
    outside = Scope(OFFICE.networks, vantage=Vantage.INTERNET, targets=("wan",))
    door = finding("door", "exposure.ssh", endpoint=Endpoint("192.168.1.1", 443))
    seen = router(findings=(door,))
    history.record(audit(seen))
    history.record(audit(seen, day=1, scope=outside))
    history.record(audit(router(findings=()), day=2, scope=outside))
    assert past(history, "fin-door") == (0, 1, None, None)
    history.record(audit(router(findings=()), day=3))
    assert past(history, "fin-door") == (0, 1, 3, None)


def test_a_clock_that_went_back_is_told_and_loses_nothing(history: History) -> None:
    history.record(audit(router(), day=9))
    kept = history.record(audit(router(), day=2))
    assert kept.clock_went_back == MONDAY + timedelta(days=9)
    assert past(history, "fin-eol") == (9, 9, None, None)
    assert [entry.id for entry in history.audits()] == [kept.id, kept.id - 1]
    assert history.check() == []


def test_a_wan_address_that_changes_every_night_is_no_news(history: History) -> None:
    def night(day: int, outside: str) -> int:
        mapped = camera(is_mapped=True)
        exposure = Exposure(Endpoint(outside, 8081), "http", Vantage.LAN, Evidence.MAPPED, True, "192.168.1.20:80")
        mapping = replace(mapped.findings[0], endpoint=exposure.endpoint)
        one = replace(mapped, exposures=(exposure,), findings=(mapping,))
        return len(history.record(audit(router(), one, day=day)).difference.notable)

    night(0, "203.0.113.7")
    assert night(1, "203.0.113.99") == 0


def test_unchanged_evidence_is_kept_once(history: History) -> None:
    for day in range(10):
        history.record(audit(router(), camera(is_mapped=True), day=day))
    assert history.size()["snapshots"] == 2


def test_pruning_forgets_audits_and_keeps_what_is_known(history: History) -> None:
    for day in range(10):
        history.record(audit(router(firmware=f"1.{day}"), camera(is_mapped=True), day=day))
    assert history.prune(keep=3, is_rehearsal=True) == 7
    assert len(history.audits()) == 10
    assert history.prune(keep=3) == 7
    assert len(history.audits()) == 3
    assert past(history, "fin-map") == (0, 9, None, None)
    assert history.check() == []
    assert history.size()["snapshots"] <= 5
    assert history.prune(before=MONDAY + timedelta(days=30)) == 2
    assert history.record(audit(router(firmware="1.9"), camera(is_mapped=True), day=11)).difference.notable == ()


def test_an_audit_that_is_not_there_is_one_line_with_the_remedy(history: History) -> None:
    with pytest.raises(HistoryError, match="has no audit 9: 'sohoaudit history list' names them"):
        history.audit(9)


def test_a_check_that_found_it_fixed_counts_until_it_comes_back(history: History) -> None:
    history.record(audit(router(), camera(is_mapped=True)))
    history.note_check("fin-map", "fixed", "192.168.1.1 no longer lists it")
    assert {one.id: one.fixed is not None for one in history.findings()}["fin-map"]
    assert history.record(audit(router(), camera(exposures=()), day=1)).difference.notable[0].kind == "exposure"
    back = history.record(audit(router(), camera(is_mapped=True), day=2))
    assert [c.what for c in back.difference.notable] == ["back"]


def test_a_kept_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with History(tmp_path / "new" / "history.db") as history:
        history.record(audit(router()))
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {0}
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
