"""What must hold of parts: what shows is dated, and no clock that was never set is believed."""

from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.knowledge import parts
from sohoaudit.knowledge.parts import newest, parts_seen, released
from sohoaudit.model import Endpoint, Observation

TODAY = datetime(2026, 10, 1, 12, tzinfo=UTC)


def _saw(**fields: str) -> Observation:
    values = {name.replace("__", "."): text for name, text in fields.items()}
    return Observation(Endpoint("192.0.2.1", 80), MappingProxyType(values), time=TODAY)


@pytest.mark.parametrize(
    ("field", "text", "part", "version", "day", "low"),
    [
        ("ssh.banner", "SSH-2.0-dropbear_2019.78", "Dropbear", "2019.78", date(2019, 3, 27), False),
        ("ssh.banner", "SSH-2.0-dropbear_0.52", "Dropbear", "0.52", date(2008, 11, 12), False),
        ("ssh.banner", "SSH-2.0-OpenSSH_7.4", "OpenSSH", "7.4", date(2016, 12, 19), False),
        ("ssh.banner", "SSH-2.0-OpenSSH_9.2p1 Debian-2", "OpenSSH", "9.2p1", date(2022, 10, 4), False),
        ("http.server", "lighttpd/1.4.35", "lighttpd", "1.4.35", date(2014, 3, 12), False),
        ("http.server", "mini_httpd/1.19 19dec2003", "mini_httpd", "1.19", date(2003, 12, 19), True),
        ("http.server", "mini_httpd/1.30 26Oct2018", "mini_httpd", "1.30", date(2018, 10, 26), False),
        ("http.server", "thttpd/2.25b 29dec2003", "thttpd", "2.25b", date(2003, 12, 29), True),
        ("http.server", "Boa/0.94.14rc21", "Boa", "0.94.14rc21", date(2005, 2, 23), True),
        ("http.server", "nginx/1.13.0", "nginx", "1.13.0", date(2017, 6, 27), False),
        ("http.server", "Apache/2.2.3 OpenSSL/1.0.1e", "OpenSSL", "1.0.1e", date(2013, 2, 11), False),
        ("upnp.server", "Linux/3.14.77 UPnP/1.1 MiniUPnPd/2.1", "MiniUPnPd", "2.1", date(2018, 5, 2), False),
        ("upnp.server", "R7000 UPnP/1.0 miniupnpd/1.0", "MiniUPnPd", "1.0", date(2008, 1, 27), True),
        ("upnp.server", "Linux/2.6.36, UPnP/1.0", "Linux kernel", "2.6.36", date(2010, 10, 20), True),
        ("upnp.server", "Linux/2.6.36.4brcm, UPnP/1.0", "Linux kernel", "2.6.36", date(2010, 10, 20), True),
        ("snmp.sysdescr", "Linux nas 5.15.67 #1 SMP", "Linux kernel", "5.15.67", date(2021, 10, 31), False),
        ("dns.version_bind", "dnsmasq-pi-hole-v2.90", "dnsmasq", "2.90", date(2024, 2, 13), False),
        ("dhcp.vendor_class", "udhcp 1.24.1", "BusyBox", "1.24.1", date(2015, 10, 24), False),
    ],
)
def test_a_part_that_shows_is_dated(field, text, part, version, day, low):
    seen = [one for one in parts_seen([_saw(**{field.replace(".", "__"): text})]) if one.part == part]
    assert [(one.version, one.released, one.weighs_low, one.field) for one in seen] == [(version, day, low, field)]


@pytest.mark.parametrize(
    ("field", "text", "day", "kind"),
    [
        ("http.last_modified", "Wed, 21 Oct 2015 07:28:00 GMT", date(2015, 10, 21), "build"),
        ("tls.not_before", "2019-05-03T10:00:00+00:00", date(2019, 5, 3), "install"),
        ("tls.not_before", "May  3 10:00:00 2019 GMT", date(2019, 5, 3), "install"),
        ("snmp.sysdescr", "Linux h 3.10.39 #1 SMP Fri Aug 17 18:43:13 CST 2018 armv7l", date(2018, 8, 17), "build"),
        ("http.body", "<script src='/ext-js/app.js?v=220420024657'>", date(2022, 4, 20), "build"),
    ],
)
def test_a_date_that_the_device_shows_is_read(field, text, day, kind):
    seen = [one for one in parts_seen([_saw(**{field.replace(".", "__"): text})]) if one.kind != "part"]
    assert [(one.released, one.kind) for one in seen] == [(day, kind)]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("tls.not_before", "1970-01-01T00:00:10"),
        ("tls.not_before", "2000-01-01T00:01:02"),
        ("tls.not_before", "2015-01-01T00:00:12"),
        ("tls.not_before", "2037-12-31T00:00:00"),
        ("http.last_modified", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("http.last_modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("http.last_modified", "Thu, 01 Oct 2026 11:59:00 GMT"),
        ("http.last_modified", "yesterday"),
    ],
)
def test_a_clock_that_was_never_set_and_a_page_made_just_now_say_nothing(field, text):
    assert parts_seen([_saw(**{field.replace(".", "__"): text})]) == []


def test_a_page_made_for_this_request_by_a_slow_clock_says_nothing():
    now = "Tue, 05 Mar 2019 08:00:00 GMT"
    assert parts_seen([_saw(http__last_modified=now, http__header__date="Tue, 05 Mar 2019 08:00:02 GMT")]) == []


def test_the_youngest_part_leads_and_each_stands_once():
    one = _saw(ssh__banner="SSH-2.0-dropbear_2012.55", http__server="lighttpd/1.4.35")
    seen = parts_seen([one, one])
    assert [part.part for part in seen] == ["lighttpd", "Dropbear"]
    assert newest(seen) == seen[0]
    assert newest([]) is None


def test_a_version_between_two_releases_counts_as_the_older():
    (seen,) = parts_seen([_saw(http__server="lighttpd/1.4.57")])
    assert (seen.released, seen.is_exact) == (date(2020, 11, 29), False)


def test_the_day_of_a_release_can_be_asked_for():
    assert released("dropbear", "2019.78") == date(2019, 3, 27)
    assert released("no such part", "1.0") is None


def test_every_part_has_rising_days_inside_a_branch_and_the_shipped_file_has_no_fault():
    assert parts.validate() == []
    for part in parts._known().parts:
        for (older, first), (younger, second) in zip(part.releases, part.releases[1:], strict=False):
            if older.key[:2] == younger.key[:2]:
                assert first <= second, (part.name, older.text, younger.text)


@given(
    st.dictionaries(
        st.sampled_from(["ssh.banner", "http.server", "tls.not_before", "http.body"]), st.text(max_size=200)
    )
)
def test_any_text_at_all_is_survived(fields):
    for seen in parts_seen([Observation(Endpoint("192.0.2.1", 80), fields, time=TODAY)]):
        assert seen.released.year >= 1999
