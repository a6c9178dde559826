"""A copy for sharing holds nothing that finds the network, and still reads as a report."""

import io
import ipaddress
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit import document, report
from sohoaudit.model import Endpoint, Evidence, Exposure, Join, Observation, Scope, Vantage
from sohoaudit.places import secret
from sohoaudit.report.content import redact
from tests.report.assessed import offices
from tests.report.offices import CAMERA, FORWARDED, NAS, OFFICES, ROUTER, audit, finding

KEY = b"k" * 32
SECRETS = {
    "mac": "28:80:88:00:00:01",
    "mac with dashes": "28-80-88-00-00-01",
    "mac as Cisco writes it": "2880.8800.0001",
    "bare mac": "288088000001",
    "public address": "198.51.100.23",
    "public IPv6 address": "2a02:1234::77",
    "address made of a MAC": "fe80::2a80:88ff:fe00:1",
    "host name": "sato-clinic-nas",
    "name on the internet": "sato-clinic.myfritz.net",
    "mDNS name": "Sato-Clinic.local",
    "serial number": "2140A8K123456",
    "hash of a certificate": "ab" * 32,
    "UUID": "4d696e69-444c-164e-9d41-288088000001",
}
DIRTY = audit(
    replace(
        ROUTER,
        addresses=("192.168.1.1", "198.51.100.23", "2a02:1234::77", "fe80::2a80:88ff:fe00:1"),
        hostname="sato-clinic-nas",
        keys=("mac:28:80:88:00:00:01", "tls:" + "ab" * 32),
        findings=(
            finding(
                "exposure.https",
                evidence=(
                    "upnp.friendly_name: " + " ".join(SECRETS.values()),
                    "S/N: 2140A8K123456",
                    'serialNumber="2140A8K123456"',
                ),
                summary="198.51.100.23:443 answered.",
                facts={"endpoint": "198.51.100.23:443", "version": "1.0.9.88"},
                endpoint=Endpoint("198.51.100.23", 443),
            ),
        ),
        exposures=(Exposure(Endpoint("198.51.100.23", 443), "https", Vantage.INTERNET, Evidence.CONNECTED, True),),
    ),
    CAMERA,
    scope=Scope(
        (ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("198.51.100.16/28")),
        targets=("lan", "198.51.100.16/28", "sato-clinic.myfritz.net"),
    ),
)


def written(office, format: str) -> str:
    stream = io.BytesIO()
    report.write(office, format, "en", stream)
    return stream.getvalue().decode()


def test_the_dirty_office_does_hold_what_is_to_go() -> None:
    assert all(secret in written(DIRTY, "json") for secret in SECRETS.values())


@pytest.mark.parametrize("format", [name for name in report.formats() if name != "pdf"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_format_of_the_copy_holds(secret: str, format: str) -> None:
    assert SECRETS[secret].lower() not in written(redact.redacted(DIRTY, KEY), format).lower()


def test_the_copy_is_an_audit_says_what_it_is_and_stays_it() -> None:
    copy = redact.redacted(DIRTY, KEY)
    again = document.parse(written(copy, "json").encode())
    assert again == copy
    assert "Made for sharing." in written(again, "html")
    assert "Made for sharing." in written(again, "text") and "Made for sharing." in written(again, "markdown")
    assert "Made for sharing." not in written(DIRTY, "html")


def test_the_same_value_gets_the_same_pseudonym_everywhere_and_from_run_to_run() -> None:
    copy, again = redact.redacted(DIRTY, KEY), redact.redacted(replace(DIRTY, devices=DIRTY.devices[:1]), KEY)
    router = copy.devices[0]
    assert router == again.devices[0]
    assert router.addresses[1] == router.exposures[0].endpoint.address == router.findings[0].endpoint.address
    assert router.findings[0].summary.startswith(f"{router.addresses[1]}:443")
    assert router.mac in router.findings[0].evidence[0]
    assert redact.redacted(DIRTY, b"x" * 32).devices[0].mac != router.mac


def test_what_finds_nobody_stays() -> None:
    copy = redact.redacted(DIRTY, KEY)
    before, after = DIRTY.devices[0], copy.devices[0]
    assert after.addresses[0] == "192.168.1.1"
    assert (after.identity.vendor, after.identity.model) == ("NETGEAR", "R7000")
    assert after.identity.firmware == before.identity.firmware
    assert after.findings[0].facts["version"] == "1.0.9.88"
    assert [f.rule for f in after.findings] == [f.rule for f in before.findings]
    assert [f.priority for f in after.findings] == [f.priority for f in before.findings]
    assert after.exposures[0].evidence is Evidence.CONNECTED


def test_a_version_that_looks_like_an_address_is_still_a_version() -> None:
    nas = replace(
        NAS, findings=(finding("firmware.outdated", summary="5.32.1.9 runs.", facts={"version": "5.32.1.9"}),)
    )
    assert redact.redacted(audit(nas), KEY).devices[0].findings[0].summary == "5.32.1.9 runs."


def test_addresses_of_a_network_in_scope_stay_inside_it() -> None:
    copy = redact.redacted(DIRTY, KEY)
    network = copy.scope.networks[1]
    assert network.prefixlen == 28 and network.subnet_of(ipaddress.ip_network("198.18.0.0/15"))
    assert copy.scope.holds(copy.devices[0].addresses[1])
    assert copy.scope.targets[1] == str(network)


def test_a_host_called_router_does_not_turn_our_sentences_into_riddles() -> None:
    office = audit(replace(ROUTER, hostname="router"))
    copy = redact.redacted(office, KEY).devices[0]
    assert copy.hostname != "router"
    assert copy.findings[0].title == ROUTER.findings[0].title


def test_a_device_that_is_called_by_its_model_keeps_it_in_the_texts() -> None:
    office = audit(replace(NAS, hostname="DS220+", findings=(finding("tls.expired", title="DS220+ is old"),)))
    assert redact.redacted(office, KEY).devices[0].findings[0].title == "DS220+ is old"


def test_a_mac_pseudonym_is_one_that_no_maker_gives() -> None:
    assert re.fullmatch("02(:[0-9a-f]{2}){5}", redact.redacted(DIRTY, KEY).devices[0].mac)


@pytest.mark.parametrize("name", OFFICES)
def test_every_office_can_be_shared_in_both_languages(name: str) -> None:
    for language in ("en", "ja"):
        copy = redact.redacted(replace(OFFICES[name], language=language), KEY)
        assert written(copy, "html")
        assert document.summary(copy) == document.summary(OFFICES[name])


def test_a_judged_office_keeps_its_page_one() -> None:
    office = offices("en")["exposed"]
    copy = redact.redacted(office, KEY)
    assert "203.0.113.7" not in written(copy, "html")
    assert [f.title for _, f in copy.findings] == [f.title for _, f in office.findings]


def test_this_machines_key_is_made_once_and_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert secret("redact.key", 32) == secret("redact.key", 32)
    [file] = tmp_path.rglob("redact.key")
    assert file.stat().st_mode & 0o777 == 0o600
    assert redact.redacted(FORWARDED) == redact.redacted(FORWARDED)


def test_where_the_key_cannot_be_kept_one_for_this_run_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert len(secret("redact.key", 32)) == 32
    assert secret("redact.key", 32) != secret("redact.key", 32)


@given(st.lists(st.ip_addresses(v=4), unique=True, max_size=60))
def test_two_addresses_never_become_one(addresses) -> None:
    office = audit(replace(NAS, addresses=tuple(map(str, addresses))))
    assert len(set(redact.redacted(office, KEY).devices[0].addresses)) == len(addresses)


def test_what_devices_said_is_dropped_and_why_they_are_one_keeps_its_kind_alone() -> None:
    said = Observation.of(Endpoint("203.0.113.7", 443), {"http.body": "Welcome to the Miller family"})
    box = replace(ROUTER, observations=(said,), joins=(Join(("192.168.1.1", "203.0.113.7"), "tls:" + "ab" * 32),))
    (device,) = redact.redacted(replace(FORWARDED, devices=(box,)), b"k" * 32).devices
    assert device.observations == ()
    assert device.joins[0].key.startswith("tls:") and "abab" not in device.joins[0].key
    assert device.joins[0].addresses[1] != "203.0.113.7"
