"""Encryption that protects nobody."""

import pytest

from sohoaudit.knowledge import shipped, text_yaml
from sohoaudit.model import Priority, Vantage

from .conftest import INSIDE, at, box, only, said

HERE = at(INSIDE, 443)


def saying(judge, **fields):
    return judge(box((HERE, "https"), says=[said(HERE, **{f"tls__{name}": value for name, value in fields.items()})]))


def test_a_certificate_past_its_day_is_low_inside(judge):
    finding = only(saying(judge, not_after="2026-11-23T00:00:00Z"))
    assert (finding.rule, finding.priority) == ("tls.expired", Priority.LOW)
    assert "2026-11-23" in finding.summary


@pytest.mark.parametrize("until", ["2026-11-24T00:00:00Z", "2036-01-01", "never", "99999-01-01"])
def test_a_certificate_that_may_still_be_good_is_no_finding(judge, until):
    assert saying(judge, not_after=until) == {}


def test_a_self_signed_certificate_is_no_finding(judge):
    assert saying(judge, subject="CN=router", issuer="CN=router", self_signed="yes", not_after="2036-01-01") == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "TLSv1"},
        {"version": "TLSv1", "versions": "SSLv3\nTLSv1"},
        {"versions": "TLSv1.0"},
        {"fault": "SSLv3 only"},
    ],
    ids=str,
)
def test_nothing_newer_than_tls_1_0_is_a_finding(judge, fields):
    assert only(saying(judge, **fields)).rule == "tls.old-protocol"


@pytest.mark.parametrize(
    "fields",
    [
        {"version": "TLSv1.2"},
        {"version": "TLSv1.1"},
        {"version": "TLSv1.3", "versions": "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
        {"fault": "the server ends the handshake: protocol_version"},
        {"fault": "no answer"},
    ],
    ids=str,
)
def test_something_newer_or_nothing_told_is_no_finding(judge, fields):
    assert saying(judge, **fields) == {}


def test_the_newest_version_spoken_is_named(judge):
    assert "SSL 3" in only(saying(judge, fault="SSLv3 only")).summary
    assert "TLS 1.0" in only(saying(judge, versions="SSLv3\nTLSv1")).summary


def shared_keys():
    file = shipped("fingerprints") / "shared-keys.yaml"
    return text_yaml.load(file.read_text(encoding="utf-8"), "shared-keys.yaml").root["keys"]


@pytest.mark.parametrize("key", shared_keys(), ids=lambda key: key["owner"])
@pytest.mark.parametrize("name", ["sha256", "key_sha256"])
def test_a_key_that_everybody_has_is_a_hole(judge, key, name):
    assert len(bytes.fromhex(key["sha256"])) == 32 and key["source"]
    finding = only(saying(judge, **{name: key["sha256"].upper()}))
    assert (finding.rule, finding.because) == ("tls.shared-key", ("inside", "vulnerable"))
    assert key["owner"] in finding.summary


def test_reach_is_that_of_the_endpoint_and_not_of_the_device(judge):
    outside = at("203.0.113.7", 8443)
    device = box(
        (outside, "https"),
        kind="server",
        says=[said(outside, tls__version="TLSv1.3"), said(HERE, tls__not_after="2020-01-01")],
    )
    assert only(judge(device, Vantage.INTERNET)).because == ("inside", "outdated")
