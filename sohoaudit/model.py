"""The nouns of an audit: frozen, typed, and ignorant of sockets, files and templates."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# An IPv6 network with more addresses than a /112 is never asked through: its addresses come from the neighbours.
LARGEST_SWEPT_IPV6_PREFIX = 112

NOTHING: Mapping[str, str] = MappingProxyType({})


class Vantage(StrEnum):
    """Where we look from; `INDEX` means that a third party looked."""

    LAN = "lan"
    INTERNET = "internet"
    INDEX = "index"


class Transport(StrEnum):
    """The transport protocol of an endpoint."""

    TCP = "tcp"
    UDP = "udp"


class Certainty(StrEnum):
    """How sure a claim about a device is, weakest first.

    A `HINT` is a text that several makers share, `LIKELY` one typical of a device, and `CERTAIN` what the device
    says in a place made for saying it.
    """

    HINT = "hint"
    LIKELY = "likely"
    CERTAIN = "certain"

    @property
    def weight(self) -> int:
        """The place in the order hint < likely < certain, counted from 0."""
        return list(Certainty).index(self)


class Priority(StrEnum):
    """When to act, most pressing first: today, this week, plan it, know it."""

    URGENT = "urgent"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The place in the order, 0 for urgent and 3 for low."""
        return list(Priority).index(self)


class Evidence(StrEnum):
    """How it is known that an endpoint can be reached, strongest first."""

    CONNECTED = "connected"
    MAPPED = "mapped"
    INDEXED = "indexed"
    GLOBAL_ADDRESS = "global-address"
    HAIRPIN = "hairpin"
    LAN_ONLY = "lan-only"


class Index(StrEnum):
    """The indexes of the internet that can be asked while a scan runs; InternetDB wants no key."""

    INTERNETDB = "internetdb"
    SHODAN = "shodan"


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be touched, from which vantage, and on whose authority.

    `authority` is the text given with `--authorized`, or None where only private addresses are in scope. `targets`
    is what the user typed, for the report.
    """

    networks: tuple[IPNetwork, ...]
    excluded: tuple[IPNetwork, ...] = ()
    vantage: Vantage = Vantage.LAN
    authority: str | None = None
    targets: tuple[str, ...] = ()

    def holds(self, address: str | IPAddress) -> bool:
        """Whether the address may be contacted; a text that is no address never may."""
        try:
            ip = ipaddress.ip_address(str(address).split("%")[0])
        except ValueError:
            return False
        within = any(ip.version == network.version and ip in network for network in self.networks)
        return within and not any(ip.version == network.version and ip in network for network in self.excluded)

    @property
    def size(self) -> int:
        """How many addresses it names one by one, exclusions not subtracted."""
        return sum(network.num_addresses for network in self.networks if _is_swept(network))

    def addresses(self) -> Iterator[str]:
        """Every address that is asked, once; an IPv4 network's own and broadcast addresses are left out.

        Of a large IPv6 network none is: its addresses may be touched where discovery meets them.
        """
        seen: set[IPAddress] = set()
        for network in filter(_is_swept, self.networks):
            plain = network.hosts() if network.version == 4 else iter(network)
            for ip in plain:
                if ip not in seen and self.holds(ip):
                    seen.add(ip)
                    yield str(ip)


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One address, transport and port; written `192.168.1.1:80/tcp`, IPv6 in brackets."""

    address: str
    port: int
    transport: Transport = Transport.TCP

    def __str__(self) -> str:
        """The endpoint as people write it, without the transport where it is TCP."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}" if self.transport is Transport.TCP else f"{host}:{self.port}/udp"


@dataclass(frozen=True, slots=True)
class Observation:
    """What one endpoint said at one time: `field → value`, made safe to print.

    Several values of one field stand one per line. The names of the fields are a contract that others build on
    (`http.title`, `ssh.banner`, …). `probe` names the question that brought the answer.
    """

    endpoint: Endpoint
    fields: Mapping[str, str]
    probe: str = ""
    vantage: Vantage = Vantage.LAN
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, endpoint: Endpoint, fields: Mapping[str, str], probe: str = "") -> "Observation":
        """An observation made now, every value made printable; empty values are dropped."""
        safe = {name: printable(value) for name, value in fields.items() if value}
        return cls(endpoint=endpoint, fields=MappingProxyType(safe), probe=probe)

    @property
    def is_answer(self) -> bool:
        """Whether the endpoint said anything, and not only our question failed (fields `<probe>.fault`)."""
        return any(not name.endswith(".fault") for name in self.fields)

    def seen_from(self, vantage: Vantage) -> "Observation":
        """The same observation, made from another vantage."""
        return replace(self, vantage=vantage)


@dataclass(frozen=True, slots=True)
class Match:
    """One claim of one fingerprint about one attribute of a device, with the text that made it.

    `attribute` is vendor, model, hardware_revision, firmware, kind or cpe; `field` and `text` are what was seen.
    """

    attribute: str
    value: str
    certainty: Certainty
    fingerprint: str
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is: each attribute text or None, how certain each is, and the matches it rests on.

    `firmware` is the version as the maker writes it. `partial` says that only a part of the version was told
    ("5.32" of "5.32(ABCD.2)"): it can prove "older than", never "up to date". `fork` names other people's firmware
    on the maker's hardware (OpenWrt, DD-WRT). `traits` are flags the fingerprints set, such as `fragile`.
    """

    vendor: str | None = None
    model: str | None = None
    hardware_revision: str | None = None
    firmware: str | None = None
    kind: str | None = None
    cpe: str | None = None
    certainty: Mapping[str, Certainty] = field(default_factory=dict)
    evidence: tuple[Match, ...] = ()
    partial: bool = False
    fork: str | None = None
    traits: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Maker and model for a heading, or what little is known; empty where nothing is."""
        model = self.model or ""
        if self.vendor and model.lower().startswith(self.vendor.lower()):
            return model
        return " ".join(part for part in (self.vendor, model) if part)


@dataclass(frozen=True, slots=True)
class Service:
    """One open port and what speaks there; `management` says that the device can be administered through it."""

    endpoint: Endpoint
    protocol: str
    product: str | None = None
    version: str | None = None
    management: bool = False


@dataclass(frozen=True, slots=True)
class Exposure:
    """An endpoint that can be reached from a vantage, and how that is known.

    The endpoint is written as the outside reaches it; a mapped one names the inner "address:port" in `internal`.
    `doubt` says why the internet may not reach it in spite of the evidence: "own-side", the router answers alike on its
    inside address; "firewall", the router says that its IPv6 firewall is on; "shut", silent when asked from outside.
    """

    endpoint: Endpoint
    protocol: str
    vantage: Vantage
    evidence: Evidence
    management: bool = False
    internal: str | None = None
    detail: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who took the risk of a finding, through which day and why; `priority` is what the finding would have without."""

    by: str
    until: date
    because: str
    priority: Priority

    def __str__(self) -> str:
        """The decision in one line, in English, for formats that programs read."""
        return f"accepted by {self.by} until {self.until}: {self.because} (it would be {self.priority})"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a device, how pressing it is, why we say so, what to do and how to check it.

    `id` is made of device key, rule and discriminator alone, so that it survives new addresses and new words.
    The texts are in the language of the audit; `facts` hold what a template needs to write them in another.
    `because` are the two facts that chose the priority: where it can be reached from, and the worst true thing.
    One that somebody accepted is `low` and counts for nothing until then.
    """

    id: str
    rule: str
    priority: Priority
    title: str
    summary: str
    evidence: tuple[str, ...]
    remedy: tuple[str, ...]
    verify: str
    references: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    first_seen: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    because: tuple[str, str] = ("", "")
    endpoint: Endpoint | None = None
    accepted: Acceptance | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Why two addresses are one box: what both showed, written as in `Device.keys` ("tls:…", "mac:…", "wan:…")."""

    addresses: tuple[str, str]
    key: str


@dataclass(frozen=True, slots=True)
class Device:
    """One box: all that belongs to it, merged over its addresses and vantages.

    `keys` are what tells it from any other box (`tls:…`, `ssh:…`, `mac:…`, `upnp:…`), strongest first; `id` is made
    of the strongest. `joins` say why its addresses are one box. `observations` are kept for the stages that follow,
    and in the audit's JSON for a later merge.
    """

    id: str
    addresses: tuple[str, ...]
    mac: str | None = None
    hostname: str | None = None
    identity: Identity | None = None
    services: tuple[Service, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    findings: tuple[Finding, ...] = ()
    keys: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()
    joins: tuple[Join, ...] = ()

    @property
    def priority(self) -> Priority | None:
        """The most pressing priority of its findings, or None where it has none."""
        return min((finding.priority for finding in self.findings), key=lambda p: p.rank, default=None)


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that could not be looked at, and why.

    `stage` is discover, sweep, probe, import, identify, assess or report. `matters` says that it makes the exit code 3:
    a stage failed, or a target, a router or a device seen before could not be looked at. `reason` and `remedy` are
    English; `code` names the reason, so that a report can tell it in another language, with `detail` in its place.
    """

    stage: str
    subject: str
    reason: str
    remedy: str = ""
    matters: bool = False
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """One whole audit: scope, times, versions of the knowledge used, devices, and what could not be looked at.

    `settings` are what the run was asked for (ways of discovery, ports, pace) as the report prints them; `is_demo`
    makes the report say that the office is made up.
    """

    scope: Scope
    started: datetime
    ended: datetime
    devices: tuple[Device, ...] = ()
    coverage: tuple[Gap, ...] = ()
    knowledge: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    is_demo: bool = False
    is_complete: bool = True

    @property
    def findings(self) -> tuple[tuple[Device, Finding], ...]:
        """Every finding with its device, most pressing first, ties by id so that two runs agree."""
        pairs = [(device, finding) for device in self.devices for finding in device.findings]
        return tuple(sorted(pairs, key=lambda pair: (pair[1].priority.rank, pair[1].rule, pair[1].id)))


def _is_swept(network: IPNetwork) -> bool:
    return network.version == 4 or network.prefixlen >= LARGEST_SWEPT_IPV6_PREFIX


def is_public(address: str | IPAddress) -> bool:
    """Whether the internet could route to it.

    Public is whatever is not RFC 1918, RFC 6598 (carrier-grade NAT), ULA (RFC 4193), link-local, loopback, multicast
    or unspecified; the documentation ranges (RFC 5737, RFC 3849) count as public, since demo and labs live there.
    """
    ip = ipaddress.ip_address(str(address).split("%")[0])
    return not any(ip.version == network.version and ip in network for network in _NOT_PUBLIC)


_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip

# C0 and C1 controls, zero-width and bidirectional controls, line and paragraph separators, and lone surrogates.
_UNPRINTABLE = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (
        *(c for c in range(0x20) if c not in (0x09, 0x0A)), *range(0x7F, 0xA0), 0x00AD, 0x061C, 0x180E,
        *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC),
        *range(0xD800, 0xE000),
    )
}  # fmt: skip


def printable(text: str) -> str:
    """Device text made safe to show: what could steer a terminal or reorder a line becomes visible `\\x1b`.

    Newline and tab stay, CRLF and lone CR become newline. Applied once, at the edge; whoever renders escapes again.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNPRINTABLE)
