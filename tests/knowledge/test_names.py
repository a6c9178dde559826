"""What must hold of names: however people write a device, it is the same device."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.knowledge import advisories, names
from sohoaudit.knowledge.fields import files_in
from sohoaudit.knowledge.fingerprints import load


@dataclass(frozen=True)
class _Rule:
    targets: tuple[names.Target, ...]


@pytest.mark.parametrize(
    ("vendor", "model", "read"),
    [
        ("tplink", "TL-WR841N v11", ("TP-Link", "TL-WR841N", "11", None)),
        ("TP-LINK", "Archer AX21(US)", ("TP-Link", "Archer AX21", None, "US")),
        ("TP-Link", "Archer C7(EU) V2", ("TP-Link", "Archer C7", "2", "EU")),
        ("TP-Link", "Archer C7", ("TP-Link", "Archer C7", None, None)),
        ("TP-Link", "Archer AX10 V1.2", ("TP-Link", "Archer AX10", "1.2", None)),
        ("netgear inc.", "NETGEAR R6400v2", ("NETGEAR", "R6400", "2", None)),
        ("Linksys", "Linksys EA6350 v3", ("Linksys", "EA6350", "3", None)),
        ("D-Link", "DIR-655 rev. C", ("D-Link", "DIR-655", "C", None)),
        ("dlink", "DIR-850L B1", ("D-Link", "DIR-850L", "B1", None)),
        ("D-Link Systems", "DIR-868L (A1)", ("D-Link", "DIR-868L", "A1", None)),
        ("D-Link", "DIR-600 Bx", ("D-Link", "DIR-600", "B", None)),
        ("Western Digital", "My Cloud EX2", ("Western Digital", "My Cloud EX2", None, None)),
        ("hewlett-packard", "HP LaserJet", ("HP", "LaserJet", None, None)),
        ("Cisco Systems, Inc.", "Cisco RV340", ("Cisco", "RV340", None, None)),
        ("Someone", "Box 3000", ("Someone", "Box 3000", None, None)),
    ],
)
def test_a_name_is_taken_apart_as_people_mean_it(vendor, model, read):
    name = names.read(vendor, model)
    assert (name.vendor, name.model, name.hardware_revision, name.region) == read


@pytest.mark.parametrize(
    ("vendor", "model", "read"),
    [
        ("TP-Link", "TL-WR841N(EU) V11", ("TL-WR841N", "11", None)),
        ("TP-Link", "TL-WR841N Ver.11.0", ("TL-WR841N", "11", None)),
        ("TP-Link", "TL-WR841N_v8.4", ("TL-WR841N", "8.4", None)),
        ("TP-Link", "TL-WR841N v11 00000001", ("TL-WR841N", "11", None)),
        ("TP-Link", "TL-WR841N v9 3.16.9 Build 150310", ("TL-WR841N", "9", "3.16.9 Build 150310")),
        ("NETGEAR", "R7000 V1.0.9.88_10.2.88", ("R7000", None, "1.0.9.88_10.2.88")),
        ("NETGEAR", "R7000 (firmware 1.0.9.88)", ("R7000", None, "1.0.9.88")),
        ("NETGEAR", "R6400v2, V1.0.4.84", ("R6400", "2", "1.0.4.84")),
        ("D-Link", "DIR-645 Rev. A1 FW v1.03", ("DIR-645", "A1", "1.03")),
        ("D-Link", "DIR-645 H/W: A1", ("DIR-645", "A1", None)),
        ("D-Link", "DNS-320L v1.11", ("DNS-320L", None, "1.11")),
        ("D-Link", "DIR-842 (rev C3)", ("DIR-842", "C3", None)),
        ("Linksys", "WRT54GL v1.1", ("WRT54GL", "1.1", None)),
        ("ASUS", "RT-AC68U 3.0.0.4.386_51733", ("RT-AC68U", None, "3.0.0.4.386_51733")),
        ("ASUS", "“RT‑AC68U”", ("RT-AC68U", None, None)),
        ("ASUS", "ＲＴ－ＡＣ６８Ｕ　Ｖ２", ("RT-AC68U", "2", None)),
        ("Buffalo", "ＷＳＲー２５３３ＤＨＰ３", ("WSR-2533DHP3", None, None)),
        ("DrayTek", "Vigor™ 2960", ("Vigor 2960", None, None)),
        ("ZTE", "ZXHN H108N V2.5", ("ZXHN H108N", "2.5", None)),
    ],
)
def test_a_revision_a_firmware_and_odd_letters_are_told_from_the_model(vendor, model, read):
    name = names.read(vendor, model)
    assert (name.model, name.hardware_revision, name.firmware) == read


@pytest.mark.parametrize(
    ("vendor", "maker"),
    [("ＡＳＵＳ", "ASUS"), ("バッファロー", "Buffalo"), ("アイ・オー・データ", "I-O DATA"), ("ﾔﾏﾊ", "Yamaha"),
     ("「エレコム」", "ELECOM"), ("TP‐Link", "TP-Link"), ("NETGEAR®", "NETGEAR"), ('"D-Link"', "D-Link")],
)  # fmt: skip
def test_a_maker_is_known_in_any_letters(vendor, maker):
    assert names.maker(vendor).name == maker


@pytest.mark.parametrize(
    ("vendor", "model", "known"),
    [
        ("ASUS", "RT-AC68U Wireless Router", "RT-AC68U"),
        ("ASUS", "Dual-Band Wi-Fi Router RT-AC68U", "RT-AC68U"),
        ("DrayTek", "Vigor 3900 Series", "Vigor 3900"),
        ("NETGEAR", "R7000 Nighthawk AC1900", "R7000"),
        ("TP-Link", "Archer C7 AC1750 Wireless Router", "Archer C7"),
        ("Cisco", "RV110W Wireless-N VPN Firewall", "RV110W"),
        ("Buffalo", "無線LANルーター WSR-2533DHP3", "WSR-2533DHP3"),
    ],
)
def test_words_that_only_describe_a_device_do_not_hide_it(vendor, model, known):
    found = {one.id: one.applies for one in advisories.applies(vendor, model)}
    assert found and found == {one.id: one.applies for one in advisories.applies(vendor, known)}


@pytest.mark.parametrize(
    ("vendor", "model", "other"),
    [
        ("AVM", "FRITZ!Box 7590 AX", "FRITZ!Box 7590"),
        ("Western Digital", "My Cloud Home", "My Cloud"),
        ("AVM", "Repeater 7490", "FRITZ!Box 7490"),
        ("TP-Link", "Archer AX9999 Router", "Archer"),
    ],
)
def test_words_that_tell_models_apart_are_kept(vendor, model, other):
    rules = [_Rule(names.targets(vendor, [other], []))]
    assert names.find(rules, names.read(vendor, other))
    assert not names.find(rules, names.read(vendor, model))


@pytest.mark.parametrize(
    ("vendor", "spellings"),
    [
        ("ASUS", ["RT-AC68U", "rt-ac68u", "RT AC68U", "ASUS RT-AC68U", "rtac68u"]),
        ("TP-Link", ["TL-WR841N", "WR841N", "tl wr841n", "TP-Link TL-WR841N"]),
        ("TP-Link", ["Archer AX21", "AX21", "archer_ax21"]),
        ("AVM", ["FRITZ!Box 7590", "7590", "fritzbox 7590", "FRITZ!Box-7590"]),
        ("Ubiquiti", ["UDM-Pro", "UniFi UDM Pro", "udmpro"]),
        ("Cisco", ["RV340", "RV340-K9-NA", "rv 340"]),
        ("DrayTek", ["Vigor2860", "Vigor 2860", "2860", "DrayTek Vigor2860"]),
    ],
)
def test_spellings_of_one_model_are_one(vendor, spellings):
    assert len({names.key(vendor, names.read(vendor, spelling).model) for spelling in spellings}) == 1


def test_a_plus_is_another_model():
    assert names.key("QNAP", "TS-251") != names.key("QNAP", "TS-251+")


def test_a_hardware_revision_given_on_its_own_wins():
    assert names.read("TP-Link", "TL-WR841N v9", "V11.0").hardware_revision == "11"


@pytest.mark.parametrize(
    ("named", "own", "answer"),
    [
        ([], None, True),
        (["A"], "A1", True),
        (["A1"], "A", None),
        (["A1"], "A2", False),
        (["B"], "A1", False),
        (["5"], "V5.0", True),
        (["1"], "1.2", None),
        (["1-4"], "3", True),
        (["1-4"], "5", False),
        (["-12"], "v8", True),
        (["-12"], "13", False),
        (["8", "10"], None, None),
    ],
)
def test_a_revision_is_named_not_named_or_nobody_can_say(named, own, answer):
    assert names.is_revision(named, own) is answer


def test_makers_that_bought_each_other_stay_two():
    assert names.maker("Cisco-Linksys").name == names.maker("linksys").name == "Linksys"
    assert names.maker("Hewlett Packard Enterprise").name == "HPE" != names.maker("Hewlett-Packard").name
    assert names.maker("Arris").name != names.maker("Technicolor").name


def test_the_fingerprints_and_the_table_of_makers_mean_the_same_by_a_name():
    known = load()
    spoken_of = {file.removesuffix(".yaml") for folder in ("advisories", "lifecycle") for file in files_in(folder)}
    for maker in known.makers.values():
        for spelling in (maker.name, *maker.aliases):
            found = names.maker(spelling)
            assert found is None or found.name == maker.name, spelling
            assert found or names.letters(spelling) not in spoken_of, f"{spelling}: add {maker.name} to makers.yaml"
    for one in names.makers():
        assert {known.maker(spelling) or one.name for spelling in (one.name, *one.aliases)} == {one.name}


@pytest.mark.parametrize(
    ("vendor", "model", "cve"), [("Lorex", "IPC-HFW4431R", "CVE-2021-33044"), ("Netgate", "pfSense", None)]
)
def test_what_is_known_of_the_real_maker_holds_for_the_brand(vendor, model, cve):
    found = {one.id for one in advisories.applies(vendor, model)}
    assert cve is None or cve in found


def test_suggestions_are_the_likeliest_first():
    assert names.suggest("rt-ac86", ["RT-AC68U", "RT-AC86U", "DSL-*", "GT-AC5300"])[0] == "RT-AC86U"
    assert names.suggest("zzzz", ["RT-AC68U"]) == []


def test_the_shipped_makers_have_no_fault():
    assert names.validate() == []


@given(st.text(max_size=80), st.text(max_size=80), st.none() | st.text(max_size=10))
def test_any_text_can_be_read_as_a_name(vendor, model, revision):
    name = names.read(vendor, model, revision)
    assert names.read(name.vendor, model, revision).vendor == name.vendor
    names.key(name.vendor, name.model)
    names.is_revision(["A", "1-4"], name.hardware_revision)
