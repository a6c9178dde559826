"""Finds hosts by one SSDP search on the local link (UPnP Device Architecture 1.1, section 1.3.2)."""

from collections.abc import AsyncGenerator

from ..dialer import Dialer
from ..here import Here
from ..model import Endpoint, Observation, Transport
from . import Sighting, way

GROUP, PORT = "239.255.255.250", 1900
WAIT_S = 3
_SEARCH = (
    f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}:{PORT}\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n'.encode()
)


@way("ssdp")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each address of the scope that answers, with the server it names."""
    if not dialer.street.has_multicast:
        return
    for link in here.links_into(dialer.scope):
        async for address, answer in dialer.multicast(GROUP, PORT, _SEARCH, WAIT_S, str(link.address)):
            fields = {"upnp.server": _header(answer, "server")}
            yield Sighting(address, "ssdp", Observation.of(Endpoint(address, PORT, Transport.UDP), fields, "upnp"))


def _header(answer: bytes, name: str) -> str:
    for line in answer.decode("utf-8", "replace").splitlines()[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""
