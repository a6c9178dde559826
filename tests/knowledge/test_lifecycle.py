"""What must hold of lifecycles: who is out of support, since when, how sure that is, and what is newest."""

from datetime import date

import pytest

from sohoaudit.knowledge import lifecycle
from sohoaudit.knowledge.lifecycle import branch_status, latest, status

TODAY = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("vendor", "model", "revision", "state", "is_verified"),
    [
        ("Linksys", "E1200", None, "end-of-life", True),
        ("Linksys", "WRT54GL", None, "end-of-life", False),
        ("Linksys", "EA6350 v2", None, "end-of-life", False),
        ("Linksys", "EA6350 v4", None, "unknown", False),
        ("Cisco", "RV320-K9", None, "end-of-life", True),
        ("cisco", "rv345p", None, "end-of-life", False),
        ("Cisco", "RV260W", None, "ending", False),
        ("D-Link", "dir-645", None, "end-of-life", True),
        ("D-Link", "DIR-605", "B2", "end-of-life", True),
        ("D-Link", "DIR-605", "A1", "unknown", False),
        ("D-Link", "DNS-345", None, "end-of-life", True),
        ("D-Link", "DNS-1234", None, "end-of-life", True),
        ("NETGEAR", "R6400v1", None, "end-of-life", False),
        ("NETGEAR", "R6400v2", None, "unknown", False),
        ("NETGEAR", "ReadyNAS RN104", None, "end-of-life", False),
        ("TP-Link", "TL-WR841N v10", None, "end-of-life", True),
        ("TP-Link", "TL-WR841N v12", None, "end-of-life", False),
        ("TP-Link", "TL-WR841N v14", None, "unknown", False),
        ("TP-Link", "Archer C7(EU) v2", None, "end-of-life", True),
        ("TP-Link", "Archer C7 v2", None, "end-of-life", False),
        ("TP-Link", "Archer C7 v5", None, "unknown", False),
        ("ASUS", "RT-N66U", None, "end-of-life", False),
        ("Zyxel", "NAS326", None, "end-of-life", True),
        ("DrayTek", "Vigor2925ac", None, "end-of-life", True),
        ("QNAP", "TS-212P", None, "end-of-life", False),
        ("QNAP", "TS-453A", None, "unknown", False),
        ("Synology", "DS212j", None, "end-of-life", False),
        ("Synology", "DS220+", None, "unknown", False),
        ("AVM", "FRITZ!Box 7390", None, "end-of-life", True),
        ("AVM", "FRITZ!Box Fon WLAN 7270", None, "end-of-life", False),
        ("AVM", "FRITZ!Box 7590", None, "unknown", False),
        ("WD", "My Book Live", None, "end-of-life", False),
        ("WD", "My Cloud EX2 Ultra", None, "unknown", False),
        ("Reolink", "RLC-410W", None, "end-of-life", True),
        ("nobody", "nothing", None, "unknown", False),
    ],
)
def test_a_model_stands_where_its_source_says(vendor, model, revision, state, is_verified):
    stands = status(vendor, model, revision, TODAY)
    assert (stands.status, stands.is_verified) == (state, is_verified)
    assert state == "unknown" or stands.source


@pytest.mark.parametrize(
    ("today", "state"),
    [(date(2025, 7, 31), "supported"), (date(2025, 8, 1), "ending"), (date(2026, 8, 1), "end-of-life")],
)
def test_a_date_ahead_is_ending_within_a_year(today, state):
    stands = status("SonicWall", "TZ400", today=today)
    assert (stands.status, stands.since) == (state, date(2026, 8, 1))


def test_a_model_without_its_revision_says_which_revisions_are_out_of_support():
    stands = status("TP-Link", "TL-WR841N", today=TODAY)
    assert stands.status == "unknown"
    assert "up to 12" in stands.note


def test_a_repair_made_after_the_end_is_told():
    assert "3.9.8.3" in status("DrayTek", "Vigor2925", today=TODAY).still_patched


@pytest.mark.parametrize(
    ("vendor", "version", "state"),
    [
        ("MikroTik", "7.20.4", "end-of-life"),
        ("MikroTik", "7.2.1", "unknown"),
        ("MikroTik", "6.49.10", "supported"),
        ("OpenWrt", "OpenWrt 22.03.5", "end-of-life"),
        ("OpenWrt", "25.12.2", "supported"),
        ("Fortinet", "v7.0.14,build0601", "end-of-life"),
        ("Fortinet", "7.4.3", "supported"),
        ("OPNsense", "26.1.4", "end-of-life"),
        ("Palo Alto Networks", "11.1.2-h3", "ending"),
    ],
)
def test_a_branch_of_software_stands_where_its_source_says(vendor, version, state):
    assert branch_status(vendor, version, date(2026, 10, 1)).status == state


def test_the_branch_speaks_where_the_model_does_not():
    assert status("Fortinet", "FortiGate 100F", today=TODAY, version="6.4.9").status == "end-of-life"
    assert status("Fortinet", "FortiGate 60D", today=TODAY, version="7.4.3").status == "end-of-life"


def test_the_newest_firmware_carries_the_date_of_its_source():
    newest = latest("AVM", "FRITZ!Box 7590", today=date(2026, 9, 1))
    assert newest is not None
    assert (newest.version, newest.date, newest.is_at_least) == ("8.25", date(2026, 8, 22), False)


def test_a_source_older_than_120_days_says_only_at_least():
    day = date(2026, 8, 22)
    assert latest("AVM", "7590", today=date.fromordinal(day.toordinal() + 120)).is_at_least is False
    assert latest("AVM", "7590", today=date.fromordinal(day.toordinal() + 121)).is_at_least is True


def test_a_floor_says_only_at_least_and_a_last_one_stays_the_last():
    assert latest("TP-Link", "Archer AX21", today=date(2023, 5, 2)).is_at_least
    assert not latest("AVM", "FRITZ!Box 7412", today=date(2030, 1, 1)).is_at_least


def test_a_told_version_chooses_its_branch():
    assert latest("MikroTik", "RB750", version="6.48.1").version == "6.49.22"
    assert latest("MikroTik", "RB750", version="7.12.1").version == "7.24.5"
    assert latest("QNAP", "TS-h973AX", version="h5.1.2.2000").version == "h5.1.7.2770"
    assert latest("Fortinet", "FortiGate 60F", version="7.4.2").version == "7.4.11"
    assert latest("Fortinet", "FortiGate 60F", version="6.4.2") is None


def test_about_seven_hundred_models_are_known():
    assert lifecycle.count() >= 700


def test_every_row_names_its_source_and_the_shipped_files_have_no_fault():
    assert lifecycle.validate() == []


def test_faults_are_told_with_file_line_and_remedy_all_at_once(tmp_path, monkeypatch):
    folder = tmp_path / "lifecycle"
    folder.mkdir()
    (folder / "avm.yaml").write_text(
        "vendor: D-Link\nlifecycle:\n  - models: [X]\n    since: soon\n    mark: perhaps\n    source: s\n"
        "latest:\n  - models: [Y]\n    version: newest\n    source: s\n"
    )
    monkeypatch.setattr("sohoaudit.knowledge.fields.shipped", lambda _: tmp_path)
    lifecycle.files_in.cache_clear()
    try:
        told = " | ".join(str(fault) for fault in lifecycle.validate())
    finally:
        monkeypatch.undo()
        lifecycle.files_in.cache_clear()
    assert "fingerprints/lifecycle/avm.yaml:1: 'D-Link' does not belong in avm.yaml" in told
    assert "avm.yaml:4: 'soon' is no date" in told
    assert "avm.yaml:5: 'perhaps' is not mark" in told
    assert "avm.yaml:9: 'newest' cannot be read by the scheme dlink" in told
