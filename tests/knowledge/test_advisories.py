"""What must hold of advisories: every rule answers yes, no and unknown where it must, and never guesses."""

import re
from datetime import date

import pytest

from sohoaudit.knowledge import advisories, versions
from sohoaudit.knowledge.advisories import Advisory, Affected, Range, applies

EVERY = advisories.every()
GROUPS = [(advisory, group) for advisory in EVERY for group in advisory.affected]
NAMES = [f"{a.id} {a.vendor} {g.models[0]}" for a, g in GROUPS]


def _device(group: Affected) -> tuple[str, str | None]:
    """A model the group names, and a hardware revision it holds."""
    revisions = group.targets[0].hardware_revisions
    model = group.models[0].replace("?", "1").replace("*", "") or "any model"
    return model, (revisions[0].split("-")[-1] if revisions else None)


def _answer(advisory: Advisory, group: Affected, version: str | None) -> advisories.Applicable:
    model, revision = _device(group)
    found = [one for one in applies(advisory.vendor, model, revision, version) if one.id == advisory.id]
    assert len(found) == 1, f"{advisory.vendor} {model} is not found by its own rule"
    return found[0]


def _older(scheme: str, text: str) -> str | None:
    """A version older than the given one, made by lowering its last number that can be lowered."""
    for found in reversed(list(re.finditer(r"\d+", text))):
        if int(found.group()) == 0:
            continue
        lower = str(int(found.group()) - 1).zfill(len(found.group()))
        candidate = text[: found.start()] + lower + text[found.end() :]
        read, bound = versions.parse(scheme, candidate), versions.parse(scheme, text)
        if read and bound and versions.compare(read, bound) == -1:
            return candidate
    return None


def _affected_version(group: Affected, one: Range) -> str | None:
    if one.through:
        return one.through.text
    older = _older(group.scheme, one.before.text) if one.before else None
    if one.start and (older is None or versions.is_before(versions.parse(group.scheme, older), one.start)):
        return one.start.text
    return older


@pytest.mark.parametrize(("advisory", "group"), GROUPS, ids=NAMES)
def test_without_a_version_the_answer_is_unknown_unless_all_are_affected(advisory, group):
    answer = _answer(advisory, group, None)
    assert answer.applies == ("yes" if group.is_all else "unknown")
    assert answer.why


RANGES = [(a, g, r) for a, g in GROUPS for r in g.ranges]


@pytest.mark.parametrize(
    ("advisory", "group", "one"), RANGES, ids=[f"{a.id} {g.models[0]} {r.fixed}" for a, g, r in RANGES]
)
def test_an_affected_version_is_affected_and_the_repaired_one_is_not(advisory, group, one):
    affected = _affected_version(group, one)
    assert affected is not None
    assert _answer(advisory, group, affected).applies == "yes"
    if one.fixed and not one.fixed.startswith("later"):
        assert _answer(advisory, group, one.fixed).applies == "no"


def test_single_versions_named_by_an_advisory_are_affected_and_its_repair_is_not():
    named = [(a, g, version) for a, g in GROUPS for version in g.only]
    assert len(named) > 20
    for advisory, group, version in named:
        assert _answer(advisory, group, version.text).applies == "yes"
        if group.fixed and not group.fixed.startswith("later"):
            assert _answer(advisory, group, group.fixed).applies == "no"


# Read by hand in the catalogue and the makers' advisories, so that a fault in the data shows.
BY_HAND = [
    ("CVE-2023-1389", "TP-Link", "Archer AX21", None, "1.1.3 Build 20221125 rel.74124(5553)", "yes"),
    ("CVE-2023-1389", "tplink", "AX21(US)", None, "1.1.4 Build 20230219 rel.69802(5553)", "no"),
    ("CVE-2022-20699", "Cisco", "RV340", None, "1.0.03.24", "yes"),
    ("CVE-2022-20699", "Cisco", "RV340", None, "1.0.03.26", "no"),
    ("CVE-2022-20700", "Cisco", "RV160", None, "1.0.01.07", "no"),
    ("CVE-2019-1653", "Cisco", "RV325-K9", None, "1.4.2.17", "yes"),
    ("CVE-2019-1653", "Cisco", "RV325", None, "1.4.2.22", "no"),
    ("CVE-2023-20118", "Cisco", "RV042G", None, None, "yes"),
    ("CVE-2024-3272", "D-Link", "DNS-320L", None, None, "yes"),
    ("CVE-2019-17621", "D-Link", "DIR-868L", None, "1.12b04", "yes"),
    ("CVE-2019-17621", "D-Link", "DIR-868L", None, "2.06b01", "no"),
    ("CVE-2019-17621", "D-Link", "DIR-822", "C1", "3.12B04", "yes"),
    ("CVE-2021-40655", "D-Link", "DIR-605", "B2", "2.01MT", "yes"),
    ("CVE-2021-40655", "D-Link", "DIR-605 A1", None, "1.10", "no"),
    ("CVE-2020-8515", "DrayTek", "Vigor3900", None, "1.4.4_Beta", "yes"),
    ("CVE-2020-8515", "DrayTek", "Vigor 3900", None, "1.5.1", "no"),
    ("CVE-2020-8515", "DrayTek", "Vigor2960", None, "1.4.4", "unknown"),
    ("CVE-2019-19356", "Netis", "WF2419", None, "netis(WF2419)-V2.2.36123", "yes"),
    ("CVE-2019-19356", "Netis", "WF2419", None, "2.2.40000", "unknown"),
    ("CVE-2019-19356", "Netis", "WF2419", None, "2.2.42208", "no"),
    ("CVE-2024-12987", "DrayTek", "300B", None, "1.5.1.4", "yes"),
    ("CVE-2024-12987", "DrayTek", "Vigor300B", None, "1.5.1.5", "no"),
    ("CVE-2018-14847", "MikroTik", "RB951", None, "6.41.3", "yes"),
    ("CVE-2018-14847", "MikroTik", "hAP ac", None, "6.40.8 (bugfix)", "no"),
    ("CVE-2018-14847", "MikroTik", "hAP ac", None, "7.12.1 (stable)", "no"),
    ("CVE-2018-13379", "Fortinet", "FortiGate 60E", None, "v6.0.4", "yes"),
    ("CVE-2018-13379", "Fortinet", "FortiGate 60E", None, "6.0.5", "no"),
    ("CVE-2018-13379", "Fortinet", "FortiGate-60F", None, "v7.2.8,build1639", "no"),
    ("CVE-2024-21762", "Fortinet", "FortiGate 60E", None, "7.2.6", "yes"),
    ("CVE-2020-9054", "Zyxel", "NAS326", None, "V5.21(AAZF.5)C0", "yes"),
    ("CVE-2020-9054", "Zyxel", "NAS326", None, "V5.21(AAZF.7)C0", "no"),
    ("CVE-2020-9054", "Zyxel", "NSA325 v2", None, None, "yes"),
    ("CVE-2023-33009", "Zyxel", "USG FLEX 100", None, "V5.36(ABUH.1)C0", "yes"),
    ("CVE-2023-33009", "Zyxel", "USG FLEX 100", None, "V5.36(ABUH.2)C0", "no"),
    ("CVE-2023-33009", "Zyxel", "USG FLEX 100", None, "5.36", "unknown"),
    ("CVE-2023-33009", "Zyxel", "USG FLEX 100", None, "5.32", "yes"),
    ("CVE-2016-6277", "NETGEAR", "R7000", None, "V1.0.4.30_1.1.67", "yes"),
    ("CVE-2016-6277", "NETGEAR", "R7000", None, "V1.0.11.216_10.2.122", "no"),
    ("CVE-2017-6862", "NETGEAR", "WNR2000v4", None, "1.0.0.58", "yes"),
    ("CVE-2017-6862", "NETGEAR", "WNR2000", "v5", "1.0.0.66", "no"),
    ("CVE-2017-6862", "NETGEAR", "WNR2000", None, "1.0.0.30", "unknown"),
    ("CVE-2018-19953", "QNAP", "TS-453A", None, "4.3.6.1154 build 20191228", "yes"),
    ("CVE-2018-19953", "QNAP", "TS-453A", None, "5.1.2.2533 build 20230926", "no"),
    ("CVE-2024-27130", "QNAP", "TS-h973AX", None, "h5.1.5.2680 build 20240220", "yes"),
    ("CVE-2024-27130", "QNAP", "TS-h973AX", None, "h5.1.7.2788 build 20240607", "no"),
    ("CVE-2024-40766", "SonicWall", "TZ 400", None, "6.5.4.14-109n", "yes"),
    ("CVE-2024-40766", "SonicWall", "TZ470", None, "SonicOS 7.0.1-5161", "no"),
    ("CVE-2021-20038", "SonicWall", "SMA 410", None, "10.2.1.1-19sv", "yes"),
    ("CVE-2022-23176", "WatchGuard", "Firebox T35", None, "12.5.7_U3", "no"),
    ("CVE-2025-14733", "WatchGuard", "Firebox T35", None, "12.5.12", "yes"),
    ("CVE-2026-34908", "Ubiquiti", "UniFi UDM-Pro", None, "5.1.11", "yes"),
    ("CVE-2026-34908", "Ubiquiti", "UDM-Beast", None, "5.1.11", "no"),
    ("CVE-2021-32030", "ASUS", "GT-AC2900", None, "3.0.0.4.386_41994", "yes"),
    ("CVE-2021-32030", "ASUS", "GT-AC2900", None, "3.0.0.4.388_20000", "unknown"),
    ("CVE-2021-36260", "Hikvision", "DS-2CD2143G0-I", None, "V5.5.82 build 190909", "yes"),
    ("CVE-2021-36260", "Hikvision", "DS-2CD2143G0-I", None, "V5.7.15 build 230313", "no"),
    ("CVE-2021-27137", "DD-WRT", "any", None, "DD-WRT v3.0-r44715 std (11/03/20)", "yes"),
    ("CVE-2021-27137", "DD-WRT", "any", None, "v3.0-r55000 std", "no"),
    ("CVE-2014-0160", "OpenSSL", "OpenSSL", None, "1.0.1f", "yes"),
    ("CVE-2014-0160", "OpenSSL", "OpenSSL", None, "0.9.8zh", "no"),
    ("CVE-2017-14491", "dnsmasq", "dnsmasq", None, "dnsmasq-2.76", "yes"),
    ("CVE-2022-0028", "Palo Alto", "PA-220", None, "10.1.6-h5", "yes"),
    ("CVE-2023-36845", "Juniper", "SRX300", None, "21.2R3-S6", "yes"),
    ("CVE-2020-3161", "Cisco", "IP Phone 8821", None, "11.0(5)SR2", "yes"),
    ("CVE-2018-0171", "Cisco", "Catalyst 2960", None, "12.2(55)SE", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("cve", "vendor", "model", "revision", "version", "wanted"), BY_HAND)
def test_cases_checked_by_hand(cve, vendor, model, revision, version, wanted):
    found = {one.id: one for one in applies(vendor, model, revision, version)}
    assert found[cve].applies == wanted, found[cve].why


def test_the_catalogue_is_complete():
    kev = {a.id for a in EVERY if a.known_exploited and a.known_exploited.source == "KEV"}
    assert len(kev) == 273
    assert len(advisories.ids(EVERY)) == 403
    assert {a.id for a in EVERY if a.known_exploited and a.known_exploited.is_ransomware} >= {"CVE-2018-13379"}


def test_a_named_report_counts_as_known_exploited_and_says_which():
    (found,) = [one for one in applies("Huawei", "HG532e") if one.id == "CVE-2017-17215"]
    assert found.known_exploited is not None and "Satori" in found.known_exploited.source


def test_dates_of_the_catalogue_are_kept():
    (found,) = [one for one in applies("TP-Link", "Archer AX21") if one.id == "CVE-2023-1389"]
    assert found.known_exploited is not None
    assert (found.known_exploited.added, found.known_exploited.due) == (date(2023, 5, 1), date(2023, 5, 22))


def test_a_model_that_no_advisory_names_is_not_listed():
    assert applies("Cisco", "RV999") == []
    assert applies("nobody", "nothing") == []


def test_a_model_of_a_named_series_is_unknown_and_not_no():
    found = {one.id: one.applies for one in applies("NETGEAR", "R7800", version="V1.0.2.90")}
    assert found["CVE-2021-34991"] == "unknown"


def test_other_peoples_firmware_is_not_the_makers():
    answers = {one.applies for one in applies("TP-Link", "TL-WR740N", "v1", "OpenWrt 18.06.4")}
    assert answers == {"unknown"}


def test_a_version_told_in_part_never_proves_that_nothing_is_wrong():
    told = {one.id: one.applies for one in applies("NETGEAR", "R7000", version="1.0", partial=True)}
    assert told["CVE-2016-6277"] == "unknown"


def test_what_is_from_memory_says_so():
    by_id = {one.id: one for one in applies("Cisco", "RV340", version="1.0.03.20")}
    assert by_id["CVE-2022-20699"].is_verified
    assert not by_id["CVE-2022-20700"].is_verified


def test_what_applies_comes_first_and_known_exploited_leads():
    found = applies("Zyxel", "USG FLEX 100", version="5.36(ABUH.1)C0")
    order = [(["yes", "unknown", "no"].index(one.applies), one.known_exploited is None) for one in found]
    assert order == sorted(order) and len(found) > 5


def test_every_advisory_names_its_source():
    assert all(advisory.source for advisory in EVERY)


def test_the_shipped_files_have_no_fault():
    assert advisories.validate() == []


def test_faults_are_told_with_file_line_and_remedy_all_at_once(tmp_path, monkeypatch):
    folder = tmp_path / "advisories"
    folder.mkdir()
    (folder / "zyxel.yaml").write_text(
        "vendor: Zyxel\nadvisories:\n  - cve: CVE-1\n    title: t\n    source: s\n    affected:\n"
        "      - models: [NAS326]\n        befor: 5.21(AAZF.7)C0\n      - models: [NAS542]\n        before: soon\n"
        "  - cve: CVE-1\n    title: t\n    source: s\n    affected: [{ models: [X], all: maybe }]\n"
    )
    monkeypatch.setattr("sohoaudit.knowledge.fields.shipped", lambda _: tmp_path)
    advisories.files_in.cache_clear()
    try:
        told = [str(fault) for fault in advisories.validate()]
    finally:
        monkeypatch.undo()
        advisories.files_in.cache_clear()
    assert any(
        t.startswith("fingerprints/advisories/zyxel.yaml:8: 'befor' is not a field (did you mean 'before'?)")
        for t in told
    )
    assert any(
        t.startswith("fingerprints/advisories/zyxel.yaml:10: 'soon' cannot be read by the scheme zyxel") for t in told
    )
    assert any("'maybe' is not all" in t for t in told)
    assert any("CVE-1 stands twice" in t for t in told)
