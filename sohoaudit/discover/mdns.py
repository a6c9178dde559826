"""Finds hosts by one multicast DNS question: which services are there? (RFC 6762; RFC 6763, section 9)."""

from collections.abc import AsyncGenerator

from ..dialer import Dialer
from ..here import Here
from . import Sighting, way

GROUP, PORT = "224.0.0.251", 5353
WAIT_S = 2
# A header with one question: PTR of _services._dns-sd._udp.local, class IN (RFC 1035, section 4.1).
_QUESTION = b"\0\0\0\0\0\1\0\0\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01"


@way("mdns")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each address of the scope that answers; what it offers is asked later, by the probe.

    Asked from an ephemeral port, so that the answers come to us alone (RFC 6762, section 6.7).
    """
    if not dialer.street.has_multicast:
        return
    for link in here.links_into(dialer.scope):
        async for address, _ in dialer.multicast(GROUP, PORT, _QUESTION, WAIT_S, str(link.address)):
            yield Sighting(address, "mdns")
