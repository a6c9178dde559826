"""Finds hosts by one multicast DNS question: which services are there? (RFC 6762; RFC 6763, section 9)."""

from collections.abc import AsyncIterator

from ..dialer import Dialer
from ..here import Here
from . import Sighting, way

GROUP, PORT = "224.0.0.251", 5353
WAIT_S = 2


@way("mdns")
async def search(dialer: Dialer, here: Here) -> AsyncIterator[Sighting]:
    """Yield each address of the scope that answers; what it offers is asked later, by the probe."""
    if not dialer.street.has_multicast:
        return
    for link in here.links:
        if link.network.version == 4 and any(link.network.overlaps(n) for n in dialer.scope.networks if n.version == 4):
            # Asked from an ephemeral port, so that the answers come to us alone (RFC 6762, section 6.7).
            async for address, _ in dialer.multicast(GROUP, PORT, _question(), WAIT_S, str(link.address)):
                yield Sighting(address, "mdns")


def _question() -> bytes:
    from zeroconf import DNSOutgoing, DNSQuestion, const

    out = DNSOutgoing(const._FLAGS_QR_QUERY)
    out.add_question(DNSQuestion("_services._dns-sd._udp.local.", const._TYPE_PTR, const._CLASS_IN))
    return out.packets()[0]
