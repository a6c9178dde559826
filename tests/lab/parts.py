"""What a device of the lab is made of: real daemons where there are any, else exact responders."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

Port = tuple[str, int]  # ("tcp", 80)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a web server: status line's number, headers in their order, body."""

    body: str | bytes = ""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)


@dataclass(frozen=True, slots=True)
class Web:
    """A responder for HTTP or RTSP that sends the headers exactly as written; with `subject` it speaks TLS.

    `pages` maps a path ("/", or "POST /JNAP/") to its answer; whatever is not there gets `missing`.
    """

    port: int
    pages: Mapping[str, Page]
    server: str | None = None
    subject: str | None = None
    missing: Page = Page("<html><head><title>404 Not Found</title></head><body>not found</body></html>", 404)
    protocol: str = "HTTP/1.1"

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Greeter:
    """A TCP responder that sends its greeting, whatever it is, and listens until the visitor leaves.

    An empty greeting makes a port that never speaks; with `slams` it hangs up at once.
    """

    port: int
    greeting: bytes = b""
    slams: bool = False

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Ssdp:
    """Answers M-SEARCH, multicast and unicast, once for each of its search targets."""

    server: str
    location: str
    targets: tuple[str, ...] = ("upnp:rootdevice",)
    udn: str = "uuid:00000000-0000-1000-8000-000000000000"

    @property
    def ports(self) -> set[Port]:
        """UDP 1900."""
        return {("udp", 1900)}


@dataclass(frozen=True, slots=True)
class Sip:
    """Answers OPTIONS with 200 and its User-Agent (RFC 3261 section 11)."""

    agent: str

    @property
    def ports(self) -> set[Port]:
        """UDP 5060."""
        return {("udp", 5060)}


@dataclass(frozen=True, slots=True)
class Mdns:
    """Answers PTR, SRV and TXT questions for one service (RFC 6762): `_http._tcp.local`, instance, port, TXT."""

    service: str
    instance: str
    port: int
    text: tuple[str, ...]

    @property
    def ports(self) -> set[Port]:
        """UDP 5353."""
        return {("udp", 5353)}


@dataclass(frozen=True, slots=True)
class Datagram:
    """Answers every datagram on a UDP port with the same bytes, as the makers' own discovery protocols do."""

    port: int
    answer: bytes

    @property
    def ports(self) -> set[Port]:
        """The one UDP port it listens on."""
        return {("udp", self.port)}


@dataclass(frozen=True, slots=True)
class Hostile:
    """A TCP port that misbehaves in one of the ways of `hostile.py`."""

    port: int
    behaviour: str

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Dropbear:
    """Real dropbear; `greeting` replaces `dropbear_2022.83` in a private copy by a text of the same length."""

    greeting: str | None = None
    port: int = 22

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Telnetd:
    """Real busybox telnetd: it negotiates, prints `issue`, then a login program prints `prompt` and waits."""

    issue: str
    prompt: str
    port: int = 23

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Snmpd:
    """Real net-snmp agent that answers `public` with the maker's own system group."""

    sysdescr: str
    sysobjectid: str
    sysname: str

    @property
    def ports(self) -> set[Port]:
        """UDP 161."""
        return {("udp", 161)}


@dataclass(frozen=True, slots=True)
class Dnsmasq:
    """Real dnsmasq: every name has the router's address; with `prefix6` it sends router advertisements (RFC 4861).

    With `answers` it knows these names alone: an address, or nothing for a name that it says is not there.
    """

    prefix6: str | None = None
    answers: Mapping[str, str] | None = None

    @property
    def ports(self) -> set[Port]:
        """TCP and UDP 53."""
        return {("tcp", 53), ("udp", 53)}


@dataclass(frozen=True, slots=True)
class Lighttpd:
    """Real lighttpd over files; a port of `tls_ports` has a certificate with `subject`.

    With `realm` every path wants a password (401) except those of `open_paths`.
    """

    files: Mapping[str, str]
    plain_ports: tuple[int, ...] = ()
    tls_ports: tuple[int, ...] = ()
    subject: str = "/CN=lab"
    server: str = ""
    realm: str | None = None
    open_paths: tuple[str, ...] = ()

    @property
    def ports(self) -> set[Port]:
        """Its TCP ports, plain and TLS."""
        return {("tcp", port) for port in (*self.plain_ports, *self.tls_ports)}


@dataclass(frozen=True, slots=True)
class BusyboxHttpd:
    """Real busybox httpd over files; with `realm` it wants a password for everything."""

    files: Mapping[str, str]
    realm: str | None = None
    port: int = 80

    @property
    def ports(self) -> set[Port]:
        """The one TCP port it listens on."""
        return {("tcp", self.port)}


@dataclass(frozen=True, slots=True)
class Vsftpd:
    """Real vsftpd with the maker's greeting; nobody can sign in."""

    greeting: str

    @property
    def ports(self) -> set[Port]:
        """TCP 21."""
        return {("tcp", 21)}


@dataclass(frozen=True, slots=True)
class Miniupnpd:
    """Real miniupnpd with the maker's names in its description; forwards through the router's nftables."""

    manufacturer: str
    model: str
    number: str
    friendly_name: str

    @property
    def ports(self) -> set[Port]:
        """Description and control on TCP 5000, SSDP, NAT-PMP."""
        return {("tcp", 5000), ("udp", 1900), ("udp", 5351)}


Responder = Web | Greeter | Hostile | Ssdp | Sip | Mdns | Datagram
Daemon = Dropbear | Telnetd | Snmpd | Dnsmasq | Lighttpd | BusyboxHttpd | Vsftpd | Miniupnpd


@dataclass(frozen=True, slots=True)
class Device:
    """One box of the office and the truth about it.

    `vendor`, `model` and `firmware` are what it tells to the questions of a plain audit and so must be found; None
    where it tells nothing. `also_right` are other texts that are no error where they stand in their place (another
    spelling, or what only a maker's own discovery protocol tells). `is_silent` drops every packet sent to it.
    `chosen6` is an IPv6 address that nothing else of it suggests (RFC 7217).
    """

    name: str
    address: str
    kind: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    also_right: frozenset[str] = frozenset()
    parts: tuple[Responder | Daemon, ...] = ()
    is_silent: bool = False
    chosen6: str | None = None

    @property
    def ports(self) -> frozenset[Port]:
        """What is open on it from inside."""
        return frozenset(port for part in self.parts for port in part.ports)

    @property
    def mac(self) -> str:
        """A locally administered address made of the last number of its address, so that no maker is claimed."""
        return f"02:00:77:00:00:{int(self.address.rsplit('.', 1)[1]):02x}"

    @property
    def address6(self) -> str:
        """Its IPv6 address: one it chose, or with the same last number."""
        return self.chosen6 or f"2001:db8:77::{self.address.rsplit('.', 1)[1]}"

    def tells(self, attribute: str, value: str | None) -> bool:
        """Whether what was found (vendor, model, firmware) is right; nothing found is right where nothing is told."""
        truth = getattr(self, attribute)
        if value is None:
            return truth is None
        allowed = {_plain(text, self.vendor) for text in (*self.also_right, *([truth] if truth else []))}
        return _plain(value, self.vendor) in allowed


@dataclass(frozen=True, slots=True)
class Forward:
    """A port mapping that a device asks of the router by UPnP."""

    outer: int
    device: str
    inner: int
    description: str


@dataclass(frozen=True, slots=True)
class Office:
    """Devices, the router first; which of the router's own ports its firewall opens to the WAN; UPnP forwards.

    `own_forwards` were set by hand in the router's rules, so that no list tells of them; they answer inside as well.
    `automatic` are the devices that make their IPv6 addresses of the advertised prefix, one of the MAC and one of
    privacy; `opened6` are holes in the IPv6 firewall, device and port, and `is_open6` lets every packet to a device
    through. The router's address on its WAN side, and the
    provider's, tell its standing.
    """

    devices: tuple[Device, ...]
    wan_ports: frozenset[int] = frozenset()
    forwards: tuple[Forward, ...] = field(default=())
    own_forwards: tuple[Forward, ...] = ()
    automatic: frozenset[str] = frozenset()
    opened6: frozenset[tuple[str, int]] = frozenset()
    is_open6: bool = False
    wan_address: str = "203.0.113.7"
    isp_address: str = "203.0.113.1"

    @property
    def router(self) -> Device:
        """The box with two legs."""
        return self.devices[0]

    @property
    def outside(self) -> dict[Port, str]:
        """What answers on the WAN address, and which device it is."""
        own = {("tcp", port): self.router.name for port in self.wan_ports}
        return own | {("tcp", forward.outer): forward.device for forward in (*self.forwards, *self.own_forwards)}

    def made_address6(self, name: str) -> str:
        """The address that a device makes of the lab's prefix and its MAC (EUI-64)."""
        mac = bytes.fromhex(self.device(name).mac.replace(":", ""))
        tail = bytes((mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:])).hex()
        return str(ipaddress.ip_address(f"2001:db8:77:0:{tail[:4]}:{tail[4:8]}:{tail[8:12]}:{tail[12:]}"))

    def device(self, name: str) -> Device:
        """The device of that name, or of that address.

        Raises:
            KeyError: there is none.
        """
        for device in self.devices:
            if name in (device.name, device.address):
                return device
        raise KeyError(name)


def _plain(text: str, vendor: str | None) -> str:
    """A text without what spelling varies: case, blanks, a leading v of a version, the maker's name before a model."""
    text = "".join(text.casefold().split())
    maker = "".join((vendor or "").casefold().split())
    if maker and text != maker:
        text = text.removeprefix(maker)
    return text.removeprefix("v") if text[1:2].isdigit() else text
