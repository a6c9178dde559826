"""The outside address as the gateway tells it, and why one that is not on the internet is none."""

import pytest

from sohoaudit import wan
from sohoaudit.here import Nowhere
from sohoaudit.model import Endpoint, Observation, Vantage
from sohoaudit.outside import Own
from sohoaudit.scope import ScopeError, parse


def told(*pairs: tuple[str, str]) -> list[Observation]:
    return [Observation.of(Endpoint("192.168.1.1", 5351), {name: text}) for name, text in pairs]


def test_each_public_address_is_given_once() -> None:
    both = told(("upnp.external_address", "203.0.113.7"), ("natpmp.external_address", "203.0.113.7"))
    assert wan.public_of(both) == ("203.0.113.7",)


@pytest.mark.parametrize(
    ("address", "why"),
    [("100.64.3.4", "shares an address"), ("192.168.0.2", "behind another router"), ("", "does not tell"),
     ("0.0.0.0", "does not tell"), ("no address", "does not tell")],
)  # fmt: skip
def test_what_is_not_on_the_internet_is_told_with_its_reason(address: str, why: str) -> None:
    with pytest.raises(wan.WanUnknown, match=why) as fault:
        wan.public_of(told(("upnp.external_address", address)))
    assert "as a number" in str(fault.value)


def test_wan_is_a_target_and_wants_permission_like_any_public_address() -> None:
    with pytest.raises(ScopeError, match=r"203\.0\.113\.7 is public: add --authorized"):
        parse(["wan"], here=Nowhere(), wan=lambda: ["203.0.113.7"])
    scope = parse(["wan"], authority="me", here=Nowhere(), wan=lambda: ["203.0.113.7"])
    assert [str(network) for network in scope.networks] == ["203.0.113.7/32"]
    assert scope.targets == ("wan",)


@pytest.mark.parametrize(("vantage", "is_dry"), [(Vantage.INTERNET, False), (Vantage.LAN, True)])
def test_the_gateway_is_asked_from_inside_alone_and_never_in_a_dry_run(vantage: Vantage, is_dry: bool) -> None:
    with pytest.raises(ScopeError, match="as a number"):
        Own(Nowhere(), vantage, is_dry=is_dry).addresses()


def test_a_machine_without_a_gateway_looks_at_no_hairpin_and_says_so() -> None:
    own = Own(Nowhere(), Vantage.LAN, is_dry=False)
    assert own.hairpin_scopes("me", []) == []
    assert [gap.subject for gap in own.gaps] == ["--hairpin"]
