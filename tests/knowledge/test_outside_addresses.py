"""Every place where a router tells its outside address: its example tells one, and the question for it is asked."""

import pytest

from sohoaudit.knowledge import fingerprints, shipped
from sohoaudit.knowledge.outside_addresses import places, told_in
from sohoaudit.model import Endpoint, Observation

ASKED = " ".join(file.read_text(encoding="utf-8") for file in (shipped("fingerprints") / "devices").iterdir())


def said(**fields: str) -> Observation:
    return Observation.of(Endpoint("192.168.1.1", 80), {name.replace("__", "."): text for name, text in fields.items()})


@pytest.mark.parametrize("field", places())
def test_the_example_of_a_place_tells_the_address(field: str) -> None:
    assert list(told_in(said(**{field: places()[field].example}))) == [(field, "203.0.113.7")]


@pytest.mark.parametrize("field", [field for field in places() if "@" in field])
def test_what_a_place_needs_is_asked_somewhere(field: str) -> None:
    path = field.partition("@")[2]
    names = [question.name for question in fingerprints.questions().values() if question.path == path]
    assert any(wanted in ASKED for wanted in (path, *names)), field


@pytest.mark.parametrize(
    "fields",
    [
        {"upnp__external_address": "0.0.0.0"},
        {"natpmp__external_address": "none"},
        {"http.body@/Info.htm": 'id="ipinfo">&nbsp;IP: 0.0.0.0</span>'},
        {"http.body@/Info.htm": 'id="ipinfo">IP: 999.1.1.1'},
        {"ubnt__interface": "24:a4:3c:00:00:01 192.168.1.1\n24:a4:3c:00:00:02 10.0.0.2"},
        {"http.body": '"localIpAddress":"203.0.113.7"'},
    ],
    ids=["no connection", "a word", "a page without one", "no address", "legs that are inside", "another page"],
)
def test_what_is_no_outside_address_is_told_by_nobody(fields: dict[str, str]) -> None:
    assert list(told_in(said(**fields))) == []


def test_a_page_may_tell_an_inside_address_and_a_list_of_legs_only_the_public_one() -> None:
    inside = said(**{"http.body@/api/v1/status": '{"wan":{"localIpAddress":"10.0.0.2"}}'})
    assert list(told_in(inside)) == [("http.body@/api/v1/status", "10.0.0.2")]
    legs = said(ubnt__interface="24:a4:3c:00:00:01 203.0.113.7\n24:a4:3c:00:00:02 192.168.1.1")
    assert list(told_in(legs)) == [("ubnt.interface", "203.0.113.7")]
