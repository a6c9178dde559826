"""Tests of what the user may type, and what is refused with a remedy."""

import ipaddress
from pathlib import Path

import pytest

from sohoaudit.here import Link, Nowhere
from sohoaudit.scope import ScopeError, parse


class Office(Nowhere):
    """A machine at 192.168.7.20/24 behind 192.168.7.1."""

    links = (Link("eth0", ipaddress.ip_address("192.168.7.20"), ipaddress.ip_network("192.168.7.0/24")),)
    gateways = ("192.168.7.1",)


def addresses(*targets: str, **options: object) -> list[str]:
    return list(parse(targets, here=Office(), **options).addresses())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("192.168.1.10", ["192.168.1.10"]),
        ("192.168.1.10-12", ["192.168.1.10", "192.168.1.11", "192.168.1.12"]),
        ("192.168.1.254-192.168.2.1", ["192.168.1.254", "192.168.1.255", "192.168.2.0", "192.168.2.1"]),
        ("192.168.1.0/30", ["192.168.1.1", "192.168.1.2"]),
        ("192.168.1.9/32", ["192.168.1.9"]),
        ("gateway", ["192.168.7.1"]),
        ("localhost", ["127.0.0.1"]),
        ("fd00::5", ["fd00::5"]),
        ("fd00::4/127", ["fd00::4", "fd00::5"]),
    ],
)
def test_a_target_names_its_addresses(target: str, expected: list[str]) -> None:
    assert [address for address in addresses(target) if address != "::1"] == expected


def test_without_a_target_the_scope_is_this_machines_own_network() -> None:
    found = addresses()
    assert len(found) == 254
    assert "192.168.7.1" in found


def test_an_excluded_range_is_not_touched() -> None:
    assert addresses("192.168.1.0/29", exclude=["192.168.1.2-5"]) == ["192.168.1.1", "192.168.1.6"]


def test_a_target_file_names_one_target_a_line_with_remarks(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("# the office\n192.168.1.1\n\n192.168.1.7-8  # cameras\n")
    assert addresses(f"@{file}") == ["192.168.1.1", "192.168.1.7", "192.168.1.8"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("300.1.1.1", "300.1.1.1: not an address"),
        ("192.168.1.9-3", "192.168.1.9-3: this is no range"),
        ("192.168.1.9-fd00::1", "this is no range"),
        ("no-such-name.invalid", "no-such-name.invalid: no address was found"),
        ("bad host", "bad host: not an address"),
        ("10.0.0.0/8", "10.0.0.0/8 is larger than /20"),
        ("2001:db8::/64", "too many addresses"),
        ("203.0.113.0/24", '203.0.113.0/24 is public: add --authorized "who allowed this"'),
        ("2001:db8::1", "2001:db8::1 is public: add --authorized"),
        ("@/no/such/file", "/no/such/file: cannot be read (No such file or directory)"),
        ("wan", "wan: the outside address is not known"),
    ],
)
def test_what_cannot_be_audited_is_refused_in_one_line(target: str, said: str) -> None:
    with pytest.raises(ScopeError) as refused:
        addresses(target)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_fault_in_a_target_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("192.168.1.1\n192.168.1.300\n")
    with pytest.raises(ScopeError, match=r"targets:2: 192\.168\.1\.300: not an address"):
        addresses(f"@{file}")


def test_a_target_file_of_binary_rubbish_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ScopeError, match="not a text file"):
        addresses(f"@{file}")


def test_an_empty_target_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("# nothing yet\n")
    with pytest.raises(ScopeError, match="name no address"):
        addresses(f"@{file}")


def test_a_scope_that_excludes_everything_is_refused() -> None:
    with pytest.raises(ScopeError, match="nothing is left"):
        addresses("192.168.1.1", exclude=["192.168.1.0/24"])


def test_a_public_network_is_allowed_once_somebody_is_named() -> None:
    assert addresses("203.0.113.7", authority="the client") == ["203.0.113.7"]


def test_a_machine_without_a_network_needs_a_target() -> None:
    with pytest.raises(ScopeError, match="lan: this machine has no private network"):
        parse([], here=Nowhere())
