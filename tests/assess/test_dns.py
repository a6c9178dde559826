"""Name servers that answer strangers."""

import pytest

from sohoaudit.model import Priority, Transport, Vantage

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
