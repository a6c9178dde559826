"""What works on this machine and how to get what does not: links, routes, rights, IPv6, engines; sends nothing."""

import importlib.util
import ipaddress
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .here import Here, Link

# Bridges that Docker and Podman make (their defaults), on this machine or as the world of a container.
_CONTAINER_NETWORKS = tuple(ipaddress.ip_network(text) for text in ("172.17.0.0/16", "10.88.0.0/16"))
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
_BRIDGES = ("docker", "podman", "br-", "cni", "virbr", "lxc")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: whether it works, what was seen, and how to get it where it does not."""

    name: str
    works: bool
    seen: str
    remedy: str = ""


def checks(here: Here) -> Iterator[Check]:
    """Every check, the ones that an audit cannot do without first."""
    yield _network(here)
    yield _gateway(here)
    yield _own_place(here)
    yield _raw()
    yield _ipv6(here)
    yield _engine()
    yield _pdf()
    yield _schedule()


def _schedule() -> Check:
    """Whether something runs the audit every night, and whether it could."""
    from .schedule import installed

    found = installed()
    broken = [f"{unit.file}: {unit.fault}" for unit in found if unit.fault]
    if broken:
        return Check("schedule", False, "; ".join(broken), "write it again with 'sohoaudit schedule print'")
    if not found:
        remedy = "'sohoaudit schedule print' writes the units (a line of your own crontab is not seen here)"
        return Check("schedule", False, "nothing runs the audit every night", remedy)
    return Check("schedule", True, ", ".join(str(unit.file) for unit in found))


def _network(here: Here) -> Check:
    if here.lan:
        return Check("network", True, f"this machine stands in {here.lan}")
    return Check("network", False, "no private network was found", "connect to the network, or name a TARGET")


def _gateway(here: Here) -> Check:
    if here.gateways:
        return Check("router", True, ", ".join(here.gateways))
    return Check("router", False, "there is no default route", "name the router's address as TARGET")


def _own_place(here: Here) -> Check:
    """A container sees its bridge and not the office: an audit from there would find nothing and say so calmly."""
    inside = any(mark.exists() for mark in _CONTAINER_MARKS)
    towards = [link for gateway in here.gateways if (link := here.interface_towards(gateway))]
    is_bridged = any(_is_container_bridge(link) for link in towards)
    if is_bridged or (inside and not here.gateways):
        return Check(
            "place", False, "this machine's network is a container's bridge, not the office",
            "run the container with --network host, or run sohoaudit outside of it",
        )  # fmt: skip
    bridges = sorted({link.interface for link in here.links if link.interface.startswith(_BRIDGES)})
    beside = f"; bridges beside it, which are not audited: {', '.join(bridges)}" if bridges else ""
    return Check("place", True, f"on the office's own network{beside}")


def _is_container_bridge(link: Link) -> bool:
    subnets = [net for net in _CONTAINER_NETWORKS if net.version == link.network.version]
    return any(link.address in net for net in subnets) or link.interface.startswith(_BRIDGES)


def _raw() -> Check:
    from .sweep.raw_client import RawUnavailable, command_to_start, has_raw_right, helper_command

    if sys.platform != "linux":
        return Check("raw packets", False, "used on Linux alone", "nothing to do: ordinary connections find the same")
    try:
        command_to_start()
    except RawUnavailable:
        remedy = (
            "run sohoaudit with sudo, or allow the helper alone: a sudoers line for "
            f'"{" ".join(helper_command())}" with NOPASSWD,'
            " or AmbientCapabilities=CAP_NET_RAW in a systemd unit"
        )
        return Check("raw packets", False, "no right to send them; scan --sweep syn falls back to connections", remedy)
    return Check("raw packets", True, "CAP_NET_RAW" if has_raw_right() else "through sudo")


def _ipv6(here: Here) -> Check:
    links = [str(link.network) for link in here.links if link.network.version == 6]
    if links:
        return Check("IPv6", True, ", ".join(links))
    return Check("IPv6", False, "no address of this network", "nothing to do where the office has no IPv6")


def _engine() -> Check:
    if importlib.util.find_spec("re2"):
        return Check("pattern engine", True, "RE2: no text of a device can keep it busy")
    return Check("pattern engine", False, "Python's own, with short texts only", "pip install google-re2")


def _pdf() -> Check:
    if importlib.util.find_spec("weasyprint"):
        return Check("PDF reports", True, "weasyprint")
    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    beside = f"; {browser} prints the HTML report" if browser else ""
    return Check("PDF reports", False, f"weasyprint is missing{beside}", "pip install 'sohoaudit[pdf]'")
