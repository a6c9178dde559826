"""Finds IPv6 addresses on this link: who answers an echo to everybody, the neighbour table, and what that suggests.

A network of /64 has too many addresses to knock at. Where this machine lets programs ask for an echo, most boxes answer
one, whatever their address is made of. Else most are made of the MAC (EUI-64, RFC 4291) or numbered alike in both
families; each such guess costs one knock. What is neither is met when it talks to us.
"""

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import AsyncGenerator, Iterator

from ..dialer import Dialer
from ..here import Here, Neighbour
from ..model import Endpoint
from . import Sighting, way

KNOCK_PORT, KNOCK_S = 80, 0.7
LOOK_EVERY_S = 0.5
ECHO_WAIT_S = 1.5
# The other ways fill the table for a few seconds; then it is quiet.
QUIET_S, LONGEST_S = 4.0, 20.0


@way("ipv6")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each IPv6 address of the scope that answers an echo, is in the table, or answers the neighbour question."""
    large = [n for n in dialer.scope.networks if isinstance(n, ipaddress.IPv6Network) and n.num_addresses > 65_536]
    if not large or not dialer.street.has_multicast:
        return
    yielded: set[str] = set()
    knocked: set[str] = set()
    async for address in _echoed(dialer, here):
        yielded.add(address)
        yield Sighting(address, "ipv6")
    started = quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_S and time.monotonic() - started < LONGEST_S:
        neighbours = await asyncio.to_thread(here.neighbours, dialer.scope)
        for neighbour in neighbours:
            if ":" in neighbour.address and neighbour.address not in yielded and dialer.scope.holds(neighbour.address):
                yielded.add(neighbour.address)
                quiet_since = time.monotonic()
                yield Sighting(neighbour.address, "ipv6")
        guesses = {guess for n in neighbours for network in large for guess in _guesses(n, network)} - knocked
        if guesses:
            knocked |= guesses
            quiet_since = time.monotonic()
            await asyncio.gather(*(_knock(dialer, guess) for guess in guesses if dialer.scope.holds(guess)))
        else:
            await asyncio.sleep(LOOK_EVERY_S)


async def _echoed(dialer: Dialer, here: Here) -> AsyncGenerator[str, None]:
    """Who answers an echo, asked once from each prefix of ours that the scope holds."""
    prefixes = {link.network: link for link in here.links if link.network.version == 6 and link.network.prefixlen < 128}
    for link in prefixes.values():
        if dialer.scope.holds(link.address):
            with contextlib.suppress(OSError):
                async for address in dialer.echoes(link.interface, str(link.address), ECHO_WAIT_S):
                    yield address


def _guesses(neighbour: Neighbour, network: ipaddress.IPv6Network) -> Iterator[str]:
    """Where a neighbour may live in the network: made of its MAC, or numbered as its IPv4 address."""
    if ":" in neighbour.address:
        return
    mac = bytes.fromhex(neighbour.mac.replace(":", ""))
    made = bytes((mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:])) if len(mac) == 6 else b""
    if made and network.prefixlen <= 64:
        yield str(network.network_address + int.from_bytes(made, "big"))
    last = neighbour.address.rpartition(".")[2]
    for number in {int(last), int(last, 16)}:
        yield str(network.network_address + number)


async def _knock(dialer: Dialer, address: str) -> None:
    """Whatever comes of it: what counts is that the kernel asks the link who it is, and keeps the answer."""
    with contextlib.suppress(OSError, TimeoutError):
        (await dialer.connect(Endpoint(address, KNOCK_PORT), KNOCK_S)).close()
