"""What is said of a way in, in the reader's language."""

import pytest

from sohoaudit.faces import _told
from sohoaudit.joining import Mapping
from sohoaudit.model import Endpoint, Evidence, Exposure, Vantage
from sohoaudit.report.content import reasons
from sohoaudit.report.content.words import words

OUTSIDE, INSIDE = Endpoint("203.0.113.7", 8080), Endpoint("192.168.1.40", 80)


def way(detail: str) -> Exposure:
    return Exposure(OUTSIDE, "http", Vantage.LAN, Evidence.MAPPED, True, "192.168.1.40:80", detail)


@pytest.mark.parametrize("name", ["", 'Cam "web", without end', "カメラ"])
@pytest.mark.parametrize("lease", ["", "0", "3600", "864000"])
@pytest.mark.parametrize("only_from", ["", "198.51.100.7", "2001:db8::7"])
def test_every_way_in_that_an_audit_writes_is_told_in_every_language(name: str, lease: str, only_from: str) -> None:
    detail = _told(Mapping(OUTSIDE, INSIDE, name, lease_s=lease, only_from=only_from))
    assert reasons.seen(way(detail), words("en")) == detail
    told = reasons.seen(way(detail), words("ja"))
    assert name in told and only_from in told
    assert not any(word in told.replace(name, "") for word in ("router", "without", "for up", "open to"))


def test_the_moment_of_an_answer_is_told_in_every_language() -> None:
    exposure = way("answered at 2026-11-24 18:14 UTC")
    assert reasons.seen(exposure, words("en")) == exposure.detail
    assert reasons.seen(exposure, words("ja")) == "2026-11-24 18:14 UTCに応答"


@pytest.mark.parametrize("detail", ["", "Shodan, 2026-11-02", "2026-11-02", 'UPnP, "Cam web"', "x" * 100_000])
def test_what_has_another_form_stays_as_it_is(detail: str) -> None:
    assert reasons.seen(way(detail), words("ja")) == detail
