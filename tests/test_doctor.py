"""Tests of the doctor: it tells a container from an office, and each lack comes with its remedy."""

import ipaddress
import subprocess
import sys

import pytest

from sohoaudit import doctor
from sohoaudit.here import Here, Link, Nowhere


def machine(address: str, network: str, gateway: str, interface: str = "eth0") -> Here:
    class Machine(Nowhere):
        links = (Link(interface, ipaddress.ip_address(address), ipaddress.ip_network(network)),)
        gateways = (gateway,)

    return Machine()


@pytest.mark.parametrize(
    ("here", "works"),
    [
        (machine("192.168.1.20", "192.168.1.0/24", "192.168.1.1"), True),
        (machine("172.17.0.2", "172.17.0.0/16", "172.17.0.1"), False),
        (machine("10.88.0.7", "10.88.0.0/16", "10.88.0.1"), False),
        (machine("192.168.122.5", "192.168.122.0/24", "192.168.122.1", "virbr0"), False),
    ],
    ids=["an office", "docker", "podman", "a virtual bridge"],
)
def test_a_containers_bridge_is_told_from_an_office(here: Here, works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_CONTAINER_MARKS", ())
    place = next(check for check in doctor.checks(here) if check.name == "place")
    assert place.works is works
    assert works or "--network host" in place.remedy


def test_every_lack_names_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    lacks = [check for check in doctor.checks(Nowhere()) if not check.works]
    assert {"network", "router", "IPv6", "pattern engine", "PDF reports"} <= {check.name for check in lacks}
    assert all(check.remedy for check in lacks)


def test_without_the_right_the_doctor_says_how_to_get_it() -> None:
    words = [
        "setpriv",
        "--bounding-set",
        "-net_raw",
        "--inh-caps",
        "-net_raw",
        sys.executable,
        "-m",
        "sohoaudit",
        "doctor",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "lacks  raw packets" in done.stdout, done.stderr
    assert "CAP_NET_RAW" in done.stdout
    assert done.returncode in (0, 3)
