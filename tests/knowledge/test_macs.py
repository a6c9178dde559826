"""A MAC address names the maker of a network card: shown as a hint, and nothing is ever concluded from it."""

import ipaddress
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.identify import Identifier
from sohoaudit.joining import Face
from sohoaudit.knowledge import fingerprints, macs, shipped
from sohoaudit.model import Audit, Device, Endpoint, Scope, Vantage
from sohoaudit.report import text
from sohoaudit.report.content import digest
from sohoaudit.report.content.words import words
from sohoaudit.verdict import verdict


@pytest.mark.parametrize(
    ("mac", "maker"),
    [
        ("00:1d:aa:00:00:01", "DrayTek"),
        ("24-5A-4C-00-00-01", "Ubiquiti"),
        ("00:11:32:00:00:01", "Synology"),
        ("02:11:32:00:00:01", None),
        ("00:00:00:00:00:00", None),
        ("ff:ff:ff:ff:ff:ff", None),
        ("no address", None),
        ("", None),
        (None, None),
    ],
)
def test_a_maker_is_told_by_the_first_digits(mac: str | None, maker: str | None) -> None:
    assert macs.maker_of(mac) == maker


@given(st.text(), st.from_regex(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", fullmatch=True))
def test_any_text_is_taken_and_a_made_up_address_has_no_maker(noise: str, mac: str) -> None:
    macs.maker_of(noise)
    assert not (macs.is_private(mac) and macs.maker_of(mac))


def test_every_prefix_has_a_size_of_the_ieees_and_one_maker() -> None:
    lines = (shipped("fingerprints") / "macs.yaml").read_text(encoding="utf-8").partition("\nmakers:")[2]
    prefixes = re.findall(r"\b(?:[0-9a-f]{9}|[0-9a-f]{7}|[0-9a-f]{6})\b", re.sub(r"(?m)^  [^ ].*?:", "", lines))
    assert len(prefixes) == len(set(prefixes)) == len(macs._makers())
    assert not [prefix for prefix in prefixes if int(prefix[1], 16) & 2]


def _device(mac: str | None) -> Device:
    face = Face("192.168.9.7", Vantage.LAN, [Endpoint("192.168.9.7", 80)], [], mac)
    (device,), _ = verdict([face], Identifier(fingerprints.load()))
    return device


def test_a_device_that_says_nothing_is_named_by_its_card_and_accused_of_nothing_more() -> None:
    silent, known = _device(None), _device("00:1d:aa:00:00:01")
    assert known.identity is None
    assert [finding.rule for finding in known.findings] == [finding.rule for finding in silent.findings]
    assert digest.name(known, words("en")) == "unknown device, network card by DrayTek"
    assert digest.card_maker(_device("da:a1:19:00:00:01"), words("en")) == "private address, made up by the device"


def test_the_card_is_told_in_the_terminal_and_in_the_document() -> None:
    from sohoaudit.document import device_document

    now = datetime(2026, 3, 1, tzinfo=UTC)
    device = _device("00:1d:aa:00:00:01")
    audit = Audit(Scope((ipaddress.ip_network("192.168.9.0/24"),)), now, now, (device,))
    assert device_document(device)["mac_maker"] == "DrayTek"
    if device.findings:
        assert "network card by DrayTek" in text.summary(audit, "en", False)
