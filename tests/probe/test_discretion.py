"""What identifies people or opens doors does not leave; what identifies the model does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.probe.discretion import is_secret, keyed, veil

KEY = b"one key"


@pytest.mark.parametrize(
    ("text", "secret", "stays"),
    [
        ('{"serialNumber": "X7Y8Z9", "modelNumber": "EA6350"}', "X7Y8Z9", "EA6350"),
        ("<DeviceSN>DS-1234567</DeviceSN><Model>DS-2CD</Model>", "DS-1234567", "DS-2CD"),
        ("wl0_ssid=The Smiths\nmodel=R7000", "The Smiths", "R7000"),
        ("var imei = '356938035643809'; var model = 'RUT240';", "356938035643809", "RUT240"),
        ('{"imsi": 310150123456789, "fw": "1.2.3"}', "310150123456789", "1.2.3"),
        ("pppoe_username: smith@isp.example\nmac: 00:11:32:00:00:01", "smith@isp", "00:11:32:00:00:01"),
        ("HP ETHERNET,SN:CN98765432,PID:HP LaserJet", "CN98765432", "PID:HP LaserJet"),
        ("<ns:SerialNumber xml:lang='en'>AB12</ns:SerialNumber>", "AB12", "SerialNumber"),
    ],
)
def test_the_secret_goes_and_the_rest_stays(text: str, secret: str, stays: str) -> None:
    veiled = veil(text, KEY)
    assert secret not in veiled and stays in veiled and keyed(secret.split("@")[0], KEY) is not None
    assert "keyed:" in veiled


@pytest.mark.parametrize(
    "name", ["ssid", "wl0_ssid", "IMEI", "SerialNumber", "sn", "DeviceSN", "pppoe-user", "wpa_key"]
)
def test_such_a_name_is_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["model", "dns", "version", "mac", "snmp", "serialize", "dsn_version", "title", "udn"])
def test_such_a_name_is_not(name: str) -> None:
    assert not is_secret(name)


def test_the_hash_joins_under_one_key_and_not_under_another() -> None:
    assert keyed("S1", KEY) == keyed(" S1 ", KEY) == keyed(keyed("S1", KEY), KEY) != keyed("S1", b"another")
    assert len(keyed("S1", KEY)) == len("keyed:") + 12


@given(st.dictionaries(st.sampled_from(["imei", "model", "ssid", "n"]), st.integers(0, 10**16) | st.text(max_size=20)))
def test_json_stays_json(told: dict[str, object]) -> None:
    assert json.loads(veil(json.dumps(told), KEY)).keys() == told.keys()
