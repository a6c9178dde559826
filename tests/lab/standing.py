"""Small offices that differ in where their router stands, and in what their name servers answer."""

from dataclasses import replace

from .office import CAMERA, FINE, JSON, LAN6, NAS, ROUTER, WAN_ADDRESS
from .parts import Device, Dnsmasq, Forward, Miniupnpd, Office, Page, Web

_ADVERTISING = replace(
    ROUTER,
    parts=tuple(Dnsmasq(LAN6.partition("/")[0]) if isinstance(part, Dnsmasq) else part for part in ROUTER.parts),
)
_FORWARDS = (Forward(8081, "camera", 80, "HikHTTP"), Forward(554, "camera", 554, "HikRTSP"))

# On the internet, in both families: UPnP forwards, one set by hand, and a hole in the IPv6 firewall.
BOTH_FAMILIES = Office(
    devices=(_ADVERTISING, NAS, replace(CAMERA, chosen6="2001:db8:77:0:9d3e:41c0:77ab:5f12"), FINE),
    wan_ports=frozenset({443}),
    forwards=_FORWARDS,
    own_forwards=(Forward(8443, "nas", 5001, ""),),
    automatic=frozenset({"nas"}),
    opened6=frozenset({("nas", 5001)}),
)
# What changes over a month (`month.py`): few boxes, so that four audits are quick.
MONTH = Office(devices=(ROUTER, NAS, CAMERA, FINE), wan_ports=frozenset({443}), forwards=_FORWARDS)
# Over IPv6 the router lets every packet through to the devices, and says nothing about it: it speaks no UPnP.
OPEN_SIX = Office(
    devices=(
        replace(_ADVERTISING, parts=tuple(part for part in _ADVERTISING.parts if not isinstance(part, Miniupnpd))),
        replace(CAMERA, chosen6="2001:db8:77:0:9d3e:41c0:77ab:5f12"),
        FINE,
    ),
    wan_ports=frozenset({443}),
    is_open6=True,
)
_BEHIND = Office(devices=(ROUTER, CAMERA), forwards=_FORWARDS)
BEHIND_A_ROUTER = replace(_BEHIND, wan_address="10.0.0.2", isp_address="10.0.0.1")
BEHIND_A_CARRIER = replace(_BEHIND, wan_address="100.64.0.7", isp_address="100.64.0.1")


def _telling(address: str) -> Office:
    """A router without UPnP whose own page tells its outside address to whoever asks."""
    status = Page(f'{{"wan":{{"localIpAddress":"{address}","online":true}}}}', headers=JSON)
    pages = {"/": Page("<html><head><title>Google Wifi</title></head></html>"), "/api/v1/status": status}
    router = Device("gw", "192.168.77.1", "router", "Google", "Google Wifi", parts=(Web(80, pages),))
    return Office(devices=(router, FINE), wan_address=address, isp_address=f"{address.rpartition('.')[0]}.1")


TOLD_BY_PAGE = _telling(WAN_ADDRESS)
TOLD_BY_PAGE_INSIDE = _telling("10.0.0.2")

# What an honest resolver says of the names that everybody can check; nothing is what it says of one that is not there.
_TRUE = {
    "example.com": "203.0.113.80", "dns.google": "8.8.8.8", "one.one.one.one": "1.1.1.1", "invalid": "",
    "a.root-servers.net": "198.41.0.4", "login.microsoftonline.com": "20.190.160.2",
    "outlook.office365.com": "52.97.1.2",
}  # fmt: skip
STRANGER = "203.0.113.66"
_RESOLVERS = {
    "honest": {},
    "hijacked": {"login.microsoftonline.com": STRANGER, "outlook.office365.com": STRANGER},
    "blocker": {"dns.google": "0.0.0.0", "one.one.one.one": "", "outlook.office365.com": ""},
    "filter": {"dns.google": STRANGER, "one.one.one.one": STRANGER},
    "searcher": {"invalid": STRANGER},
}
RESOLVERS = Office(
    devices=tuple(
        Device(name, f"192.168.77.{number}", parts=(Dnsmasq(answers=_TRUE | more),))
        for number, (name, more) in enumerate(({"gw": {}} | _RESOLVERS).items(), 1)
    )
)
