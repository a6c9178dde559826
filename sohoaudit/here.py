"""This machine's own place in the network: its addresses, prefixes, gateways and neighbours; nothing is sent."""

import ipaddress
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .model import IPAddress, IPNetwork, Scope


@dataclass(frozen=True, slots=True)
class Link:
    """One address of one interface, with the network it stands in."""

    interface: str
    address: IPAddress
    network: IPNetwork


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An address that this machine exchanged frames with, and its MAC (lower case, colons)."""

    address: str
    mac: str


class Here:
    """What this machine knows of its own network, read when first asked; empty where the system does not tell."""

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every address of every interface that is up, loopback and link-local left out."""
        import ifaddr

        found = []
        for adapter in ifaddr.get_adapters():
            for entry in adapter.ips:
                text = entry.ip[0] if isinstance(entry.ip, tuple) else entry.ip
                network = ipaddress.ip_network(f"{text}/{entry.network_prefix}", strict=False)
                address = ipaddress.ip_address(text)
                if not (address.is_loopback or address.is_link_local):
                    found.append(Link(adapter.name, address, network))
        return tuple(found)

    @cached_property
    def gateways(self) -> tuple[str, ...]:
        """The addresses of the default routes, IPv4 first."""
        if sys.platform == "linux":
            return tuple(_linux_gateways())
        # BSD and macOS; `route` prints "gateway: 192.168.1.1"
        return tuple(re.findall(r"gateway: (\S+)", _said_by("route", "-n", "get", "default")))

    @property
    def lan(self) -> IPNetwork | None:
        """The IPv4 network that the gateway stands in, else the first private one, else None."""
        networks = [link.network for link in self.links if link.network.version == 4]
        for gateway in self.gateways:
            for network in networks:
                if ipaddress.ip_address(gateway) in network:
                    return network
        return next((network for network in networks if network.is_private), None)

    @property
    def lan6(self) -> tuple[ipaddress.IPv6Network, ...]:
        """The IPv6 networks, as router advertisements or people gave them, of the interface that `lan` stands on."""
        named = {link.interface for link in self.links if link.network == self.lan}
        six = (link.network for link in self.links if link.interface in named and link.network.prefixlen >= 48)
        return tuple(dict.fromkeys(n for n in six if isinstance(n, ipaddress.IPv6Network) and n.prefixlen < 128))

    def interface_towards(self, address: str) -> Link | None:
        """The link that the address is on, or None where a router lies between."""
        ip = ipaddress.ip_address(address.split("%")[0])
        return next((link for link in self.links if link.network.version == ip.version and ip in link.network), None)

    def links_into(self, scope: Scope) -> tuple[Link, ...]:
        """The IPv4 links on which some address of the scope stands."""
        four = [network for network in scope.networks if network.version == 4]
        links = [link for link in self.links if link.network.version == 4]
        return tuple(link for link in links if any(link.network.overlaps(network) for network in four))

    def neighbours(self, scope: Scope) -> tuple[Neighbour, ...]:
        """The neighbour table as it stands now, of the families in scope: ARP, ND, or both."""
        if sys.platform == "linux":
            versions = {network.version for network in scope.networks}
            return (*(_arp_table() if 4 in versions else ()), *(_nd_table() if 6 in versions else ()))
        lines = re.findall(r"\((\S+)\) at ([0-9a-f:]{11,17})", _said_by("arp", "-an"))
        return tuple(Neighbour(address, _whole_mac(mac)) for address, mac in lines)


class Nowhere(Here):
    """A machine without a network: what the demo, whose office is a table, knows of its surroundings."""

    links = ()
    gateways = ()

    def neighbours(self, scope: Scope) -> tuple[Neighbour, ...]:
        """Nobody."""
        return ()


def _linux_gateways() -> list[str]:
    """The default routes of the kernel's text tables: netlink in Python costs 10 MB and a tenth of a second."""
    four = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    default_four = [line[2] for line in four if line[1] == line[7] == "00000000" and line[2] != "00000000"]
    table = Path("/proc/net/ipv6_route")
    six = [line.split() for line in table.read_text().splitlines()] if table.exists() else []
    default_six = [line[4] for line in six if line[1] == "00" and line[4].strip("0")]
    addresses = [
        *(ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(text), sys.byteorder)) for text in default_four),
        *(ipaddress.IPv6Address(bytes.fromhex(text)) for text in default_six),
    ]
    return [str(address) for address in dict.fromkeys(addresses)]


def _arp_table() -> list[Neighbour]:
    lines = [line.split() for line in Path("/proc/net/arp").read_text().splitlines()[1:]]
    return [Neighbour(line[0], line[3].lower()) for line in lines if int(line[2], 16) & _ARP_COMPLETE]


def _nd_table() -> list[Neighbour]:
    import socket

    from pyroute2 import IPRoute

    with IPRoute() as route:
        entries = [message for message in route.get_neighbours(socket.AF_INET6) if message["state"] & _ND_ANSWERED]
    pairs = [(entry.get_attr("NDA_DST"), entry.get_attr("NDA_LLADDR")) for entry in entries]
    return [Neighbour(address, mac.lower()) for address, mac in pairs if address and mac]


# linux/if_arp.h: ATF_COM, the MAC is known; linux/neighbour.h: reachable, stale, delay, probe, permanent.
_ARP_COMPLETE = 0x02
_ND_ANSWERED = 0x02 | 0x04 | 0x08 | 0x10 | 0x80


def _said_by(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _whole_mac(mac: str) -> str:
    # macOS drops leading zeros: 0:1e:2a
    return ":".join(part.zfill(2) for part in mac.split(":"))
