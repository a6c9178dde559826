"""Name servers that answer strangers, and those that answer wrong."""

import pytest

from sohoaudit.knowledge.known_names import NOBODY, known_names
from sohoaudit.model import Observation, Priority, Transport, Vantage, is_public

from .conftest import INSIDE, OUTSIDE, at, box, only, said


def test_a_resolver_open_to_the_internet_is_a_hole(judge):
    endpoint = at(OUTSIDE, 53, Transport.UDP)
    findings = judge(box((endpoint, "dns"), says=[said(endpoint, dns__recursion="available")]), Vantage.INTERNET)
    finding = only(findings)
    assert (finding.rule, finding.priority) == ("dns.open-resolver", Priority.HIGH)


@pytest.mark.parametrize(
    ("address", "vantage", "recursion"),
    [
        (INSIDE, Vantage.LAN, "available"),
        (OUTSIDE, Vantage.LAN, "available"),
        (OUTSIDE, Vantage.INTERNET, "refused"),
    ],
    ids=["inside", "public address seen from inside", "refused outside"],
)
def test_a_resolver_that_serves_its_own_house_is_no_finding(judge, address, vantage, recursion):
    endpoint = at(address, 53, Transport.UDP)
    assert judge(box((endpoint, "dns"), says=[said(endpoint, dns__recursion=recursion)]), vantage) == {}


TRUE = {"dns.google": "8.8.8.8\n8.8.4.4", "one.one.one.one": "1.1.1.1", "a.root-servers.net": "198.41.0.4",
        "login.microsoftonline.com": "20.190.160.2\n40.126.32.68", "outlook.office365.com": "52.97.1.2",
        NOBODY: "no such name"}  # fmt: skip
STRANGER = "203.0.113.66"


def resolver(**more: str):
    endpoint = at(INSIDE, 53, Transport.UDP)
    answers = TRUE | {name.replace("__", ".").replace("_", "-"): text for name, text in more.items()}
    fields = {f"dns.address@{name}": text for name, text in answers.items()}
    return box((endpoint, "dns"), says=[Observation.of(endpoint, {"dns.recursion": "available"} | fields)])


@pytest.mark.parametrize(
    "answers",
    [
        {"login__microsoftonline__com": STRANGER, "outlook__office365__com": STRANGER},
        {"login__microsoftonline__com": f"20.190.160.2\n{STRANGER}", "dns__google": STRANGER},
        {"a__root_servers__net": STRANGER, "dns__google": "203.0.113.67"},
        {"login__microsoftonline__com": STRANGER, "outlook__office365__com": STRANGER, NOBODY: "203.0.113.1"},
    ],
    ids=[
        "the sign-in and the mail to one place",
        "one of two answers",
        "two owners",
        "beside a provider's search page",
    ],
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_known_names_that_lead_to_strangers_are_a_sign_with_an_innocent_explanation(judge, answers, language):
    finding = only(judge(resolver(**answers), language=language))
    assert (finding.rule, finding.priority) == ("compromise.dns-hijack", Priority.HIGH)
    assert STRANGER in finding.summary and f"{INSIDE}:53" in finding.summary
    assert language == "ja" or ("innocent" in finding.summary and finding.remedy[0].startswith("Keep the evidence"))
    assert any(STRANGER in line for line in finding.evidence)


@pytest.mark.parametrize(
    "answers",
    [
        {"dns__google": STRANGER},
        {"dns__google": STRANGER, "one__one__one__one": STRANGER},
        {"dns__google": STRANGER, "one__one__one__one": STRANGER, "outlook__office365__com": STRANGER},
        {"login__microsoftonline__com": STRANGER},
        {"login__microsoftonline__com": STRANGER, "outlook__office365__com": "203.0.113.67"},
        dict.fromkeys(TRUE, STRANGER),
        {NOBODY: STRANGER},
    ],
    ids=["one name", "a filter of resolvers", "a filter of resolvers and mail", "the sign-in alone", "an old list",
         "everything alike", "a provider's search page"],
)  # fmt: skip
def test_what_a_filter_or_a_provider_may_do_is_worth_a_look_and_no_more(judge, answers):
    finding = only(judge(resolver(**answers)))
    assert (finding.rule, finding.priority) == ("compromise.dns-hijack", Priority.LOW)
    assert "proves nothing" in finding.summary


@pytest.mark.parametrize(
    "answers",
    [
        {},
        dict.fromkeys(TRUE, INSIDE),
        {"dns__google": "0.0.0.0", "one__one__one__one": "no such name", "outlook__office365__com": "refused"},
        {"dns__google": "server failure", "login__microsoftonline__com": "10.1.2.3"},
        {"dns__google": "not an address", "one__one__one__one": "999.1.1.1"},
    ],
    ids=["the truth", "a router without internet", "a blocker", "a name of the office's own", "rubbish"],
)
def test_true_answers_and_blocked_ones_are_no_sign(judge, answers):
    assert judge(resolver(**answers)) == {}


@pytest.mark.parametrize("known", known_names(), ids=lambda known: known.name)
def test_every_known_name_has_public_addresses_of_its_own(known):
    assert known.networks and all(is_public(network[0]) and network.prefixlen >= 12 for network in known.networks)
