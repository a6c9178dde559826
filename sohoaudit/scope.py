"""Turns what the user typed into what may be touched, and refuses what needs permission first."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from .here import Here
from .model import LARGEST_SWEPT_IPV6_PREFIX, IPAddress, IPNetwork, Scope, Vantage, is_public

LARGEST_LAN_PREFIX = 20
LARGEST_LAN = 2 ** (32 - LARGEST_LAN_PREFIX)
LARGEST_IPV6_PREFIX = LARGEST_SWEPT_IPV6_PREFIX

_RANGE = re.compile(r"(?P<first>[0-9a-fA-F.:]+)-(?P<last>[0-9a-fA-F.:]+)")


class ScopeError(ValueError):
    """A target that cannot be audited: one line that names it and the remedy."""


def parse(
    targets: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    vantage: Vantage = Vantage.LAN,
    authority: str | None = None,
    here: Here | None = None,
    wan: Callable[[], Sequence[str]] | None = None,
) -> Scope:
    """Read targets (address, CIDR, range, hostname, `gateway`, `lan`, `wan`, `@file`) into a scope.

    Without targets the scope is this machine's LAN and gateway. A hostname is resolved here, once, and never again.
    `wan` is asked for the outside address where somebody wants it; it may raise what it likes.

    Raises:
        ScopeError: a target is not understood, names too much, or is public and nobody's permission was given.
    """
    place = here or Here()
    wanted = [word for text in (targets or ("lan", "gateway")) for word in _words(text)]
    if "wan" in wanted and wan:
        wanted = [each for word in wanted for each in (wan() if word == "wan" else [word])]
    if not wanted:
        raise ScopeError("the target files name no address: write one address, range or network a line")
    networks = _merged(network for word in wanted for network in _networks(word, place))
    excluded = _merged(network for text in exclude for word in _words(text) for network in _networks(word, place))
    scope = Scope(networks, excluded, vantage, authority, tuple(targets) or ("lan", "gateway"))
    _refuse_too_large(networks)
    _refuse_unauthorized(scope)
    if "lan" in wanted:
        # Its addresses are only met, never asked through; public ones want permission like any other.
        six = [n for n in place.lan6 if authority or not is_public(n.network_address)]
        scope = replace(scope, networks=_merged((*networks, *six)))
    if next(scope.addresses(), None) is None:
        raise ScopeError("nothing is left to audit: --exclude takes away every target")
    return scope


def check_routes(scope: Scope) -> None:
    """Make sure that this machine has a way to each network; nothing is sent.

    Raises:
        ScopeError: there is none, or the system does not allow it.
    """
    for network in scope.networks:
        address = str(network.network_address + (1 if network.num_addresses > 2 else 0))
        family = socket.AF_INET6 if network.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            try:
                # Connecting a datagram socket only looks the route up.
                sock.connect((address, 9))
            except OSError as fault:
                shown = network.network_address if network.num_addresses == 1 else network
                remedy = "connect this machine to that network first"
                raise ScopeError(f"{shown} cannot be reached from here ({fault.strerror}): {remedy}") from None


def _words(text: str) -> Iterable[str]:
    if not text.startswith("@"):
        return [text.strip()]
    path = Path(text[1:])
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not a text file"
        raise ScopeError(f"{path}: cannot be read ({reason}): give a text file with one target a line") from None
    words = []
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].strip()
        if word.startswith("@"):
            raise ScopeError(f"{path}:{number}: a target file cannot name another one: copy its lines here")
        if word:
            if word == "wan":
                words.append(word)
                continue
            try:
                _networks(word, Here())
            except ScopeError as fault:
                raise ScopeError(f"{path}:{number}: {fault}") from None
            words.append(word)
    return words


def _networks(word: str, here: Here) -> list[IPNetwork]:
    named: dict[str, Callable[[Here], list[IPNetwork]]] = {"gateway": _gateways, "lan": _lan}
    if word in named:
        return named[word](here)
    if word == "wan":
        raise ScopeError(
            "wan: the outside address is not known yet: give it as a number (the router's status page has it)"
        )
    try:
        return [ipaddress.ip_network(word, strict=False)]
    except ValueError:
        pass
    if match := _RANGE.fullmatch(word):
        return _range(word, match["first"], match["last"])
    return _resolved(word)


def _gateways(here: Here) -> list[IPNetwork]:
    if not here.gateways:
        raise ScopeError("gateway: this machine has no default route: give the router's address")
    # The router's IPv6 address, often a public one or one that wants a zone, is met on the link like its neighbours'.
    four = [address for address in here.gateways if ":" not in address]
    return [ipaddress.ip_network(address.split("%")[0]) for address in four or here.gateways]


def _lan(here: Here) -> list[IPNetwork]:
    if here.lan is None:
        raise ScopeError("lan: this machine has no private network: give an address, a range or a network")
    return [here.lan]


def _range(word: str, first: str, last: str) -> list[IPNetwork]:
    try:
        start = ipaddress.ip_address(first)
        if last.isdecimal() and start.version == 4:
            last = f"{first.rpartition('.')[0]}.{last}"
        end = ipaddress.ip_address(last)
        return list(_summarized(start, end))
    except (ValueError, TypeError):
        raise ScopeError(
            f"{word}: this is no range: write it as 192.168.1.10-40 or 192.168.1.10-192.168.1.40"
        ) from None


def _summarized(start: IPAddress, end: IPAddress) -> Iterable[IPNetwork]:
    if isinstance(start, ipaddress.IPv4Address) and isinstance(end, ipaddress.IPv4Address):
        return ipaddress.summarize_address_range(start, end)
    if isinstance(start, ipaddress.IPv6Address) and isinstance(end, ipaddress.IPv6Address):
        return ipaddress.summarize_address_range(start, end)
    raise TypeError("the two ends are of different kinds")


def _resolved(word: str) -> list[IPNetwork]:
    looks_like_an_address = re.fullmatch(r"[0-9./:-]+", word)
    if looks_like_an_address or not re.fullmatch(r"(?!-)[\w-]+(\.[\w-]+)*\.?", word, re.ASCII):
        raise ScopeError(f"{word}: not an address, a range (192.168.1.10-40), a network (192.168.1.0/24) or a name")
    try:
        answers = socket.getaddrinfo(word, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ScopeError(
            f"{word}: no address was found for this name: check the spelling, or give the address"
        ) from None
    addresses = dict.fromkeys(str(answer[4][0]).split("%")[0] for answer in answers)
    return [ipaddress.ip_network(address) for address in addresses]


def _merged(networks: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    every = list(networks)
    four = ipaddress.collapse_addresses(n for n in every if isinstance(n, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(n for n in every if isinstance(n, ipaddress.IPv6Network))
    return (*four, *six)


def _refuse_too_large(networks: Iterable[IPNetwork]) -> None:
    for network in networks:
        if network.version == 6 and network.prefixlen < LARGEST_IPV6_PREFIX:
            raise ScopeError(
                f"{network} has too many addresses to ask them all: give single addresses, "
                f"or a network of /{LARGEST_IPV6_PREFIX} or smaller"
            )
        if network.version == 4 and network.prefixlen < LARGEST_LAN_PREFIX:
            raise ScopeError(
                f"{network} is larger than /{LARGEST_LAN_PREFIX} ({LARGEST_LAN:,} addresses), which no small office "
                f"needs: give the part that is yours"
            )


def _refuse_unauthorized(scope: Scope) -> None:
    if scope.authority:
        return
    for network in scope.networks:
        if is_public(network.network_address) or is_public(network.broadcast_address):
            shown = network.network_address if network.num_addresses == 1 else network
            raise ScopeError(f'{shown} is public: add --authorized "who allowed this" to audit it')
