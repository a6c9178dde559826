"""Small offices that differ in where their router stands: on the internet, behind another router, behind a carrier."""

from dataclasses import replace

from .office import CAMERA, FINE, LAN6, NAS, ROUTER
from .parts import Dnsmasq, Forward, Office

_ADVERTISING = replace(
    ROUTER,
    parts=tuple(Dnsmasq(LAN6.partition("/")[0]) if isinstance(part, Dnsmasq) else part for part in ROUTER.parts),
)
_FORWARDS = (Forward(8081, "camera", 80, "HikHTTP"), Forward(554, "camera", 554, "HikRTSP"))

# On the internet, in both families: UPnP forwards, one set by hand, and a hole in the IPv6 firewall.
BOTH_FAMILIES = Office(
    devices=(_ADVERTISING, NAS, CAMERA, FINE),
    wan_ports=frozenset({443}),
    forwards=_FORWARDS,
    own_forwards=(Forward(8443, "nas", 5001, ""),),
    automatic=frozenset({"nas"}),
    opened6=frozenset({("nas", 5001)}),
)
# What changes over a month (`month.py`): few boxes, so that four audits are quick.
MONTH = Office(devices=(ROUTER, NAS, CAMERA, FINE), wan_ports=frozenset({443}), forwards=_FORWARDS)
_BEHIND = Office(devices=(ROUTER, CAMERA), forwards=_FORWARDS)
BEHIND_A_ROUTER = replace(_BEHIND, wan_address="10.0.0.2", isp_address="10.0.0.1")
BEHIND_A_CARRIER = replace(_BEHIND, wan_address="100.64.0.7", isp_address="100.64.0.1")
