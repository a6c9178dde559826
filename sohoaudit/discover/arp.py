"""Finds hosts by asking the link for the MAC of every address, IPv4 by ARP and IPv6 by ND, through the raw helper."""

from collections.abc import AsyncGenerator

from ..dialer import Dialer
from ..here import Here
from . import Sighting, way


@way("arp")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each address of the scope that answers; none where there is no helper or no address of its link."""
    link = dialer.neighbours
    if link is None:
        return
    async for address, mac in link.resolve([each for each in dialer.scope.addresses() if link.can_resolve(each)]):
        yield Sighting(address, "arp", mac=mac)
