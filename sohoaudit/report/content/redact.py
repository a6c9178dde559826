"""Replaces what points at one network (MACs, serials, public addresses, host names) by stable pseudonyms."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import replace
from typing import Any

from ... import document
from ...model import Audit, Device, IPAddress, IPNetwork, is_public
from ...places import secret

REDACTED = "redacted"
# Where the made-up addresses live: RFC 2544 (benchmarks) and RFC 3849 (documentation); nobody is reached there.
_IPV4, _IPV6 = ipaddress.IPv4Network("198.18.0.0/15"), ipaddress.IPv6Network("2001:db8::/32")
_MAC = re.compile(r"(?<![0-9A-Fa-f:.-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
                  r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Fa-f]|[:-][0-9A-Fa-f]{2})")  # fmt: skip
# What Shodan and the like are searched by: keys and certificates by their hash, UPnP devices by their UUID.
_HASH = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{40,128}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
                   r"(?![0-9A-Fa-f])")  # fmt: skip
_IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{3,39}(?!\w|:)")
_SERIAL = re.compile(r"\b((?:serial(?:[ _-]?(?:number|no\.?|num))?|s/n|sn)[\"']?\s{0,3}[:=#]\s{0,3}[\"']?)"
                     r"([A-Za-z0-9][A-Za-z0-9._/-]{3,63})", re.IGNORECASE)  # fmt: skip
# Names that find one network from anywhere: of mDNS, and those that services give to a changing address.
_TELLING_NAME = re.compile(
    r"(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.(?:local|lan|home\.arpa|asuscomm\.com|ddns\.net|dyndns\.org|"
    r"dynu\.net|duckdns\.org|no-ip\.(?:com|org|biz)|myfritz\.net|myqnapcloud\.com|mydlink\.com|synology\.me|"
    r"tplinkdns\.com|quickconnect\.to|drayddns\.com|zapto\.org|hopto\.org|sytes\.net)(?![\w-])",
    re.IGNORECASE,
)  # fmt: skip
# Fields in which four numbers with dots are a version, and those that hold our own words.
_VERSIONS = frozenset({"firmware", "version", "latest", "fixed_in", "cpe", "hardware_revision"})
_OWN_WORDS = frozenset({"title", "summary", "remedy", "verify", "reason"})
_WHOLE = frozenset({"schema_version", "tool", "knowledge", "started", "ended", "first_seen"})


def redacted(audit: Audit, key: bytes | None = None) -> Audit:
    """The audit with its pseudonyms in place, and `settings` saying so; observations are dropped.

    Without a key this machine's own is used, so that one box keeps its pseudonym from report to report and nobody
    else can compute it. Identifiers of devices and findings are made of such secrets, and are replaced as well.
    """
    # What devices said word for word holds more than any list of patterns finds.
    audit = replace(audit, devices=tuple(replace(device, observations=()) for device in audit.devices))
    told = _Veil(key or secret("redact.key", 32), audit).over("", document.to_document(audit))
    told["settings"] = {**told["settings"], REDACTED: "yes"}
    return document.from_document(told)


class _Veil:
    """The pseudonyms of one audit: the same value gets the same one wherever it stands."""

    def __init__(self, key: bytes, audit: Audit) -> None:
        self._key = key
        self._addresses: dict[IPAddress, str] = {}
        self._taken: set[IPAddress] = set()
        self._networks = [net for net in audit.scope.networks if net.num_addresses > 1 and is_public(net[0])]
        names = {device.hostname for device in audit.devices if device.hostname and not _is_its_model(device)}
        names |= {target for target in audit.scope.targets if not _is_address(target) and "." in target}
        self._names = _any_of(name for name in names if len(name) > 2)
        macs = {re.sub(r"[^0-9a-f]", "", device.mac.lower()) for device in audit.devices if device.mac}
        self._bare_macs = _any_of(mac for mac in macs if len(mac) == 12)
        self._serials = _any_of(_serials(audit))
        # A name such as "router" is a word of our own sentences too.
        self._telling = _any_of(name for name in names if len(name) > 2 and re.search(r"[\d._-]", name))
        self._versions = {
            text
            for device in audit.devices
            for text in (
                device.identity.firmware if device.identity else None,
                *(service.version for service in device.services),
                *(finding.facts.get(name) for finding in device.findings for name in _VERSIONS),
            )
            if text
        }

    def over(self, field: str, value: Any) -> Any:
        """A value of the document, veiled by the field it stands in."""
        if isinstance(value, dict):
            return {key: part if key in _WHOLE else self.over(key, part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.over(field, part) for part in value]
        if not isinstance(value, str) or field in _VERSIONS:
            return value
        match field:
            case "mac":
                return self._mac(value)
            case "hostname":
                return self._name(value)
            case "id":
                return f"{value.partition('-')[0]}-{self._hex(value, 10)}"
            case "by":
                return f"person-{self._hex(value, 6)}"
            case "keys" | "key":
                return f"{value.partition(':')[0]}:{self._hex(value, 12)}"
            case "networks" | "excluded":
                return str(self._network(ipaddress.ip_network(value)))
            case "targets" if _is_address(value) and "/" in value:
                return str(self._network(ipaddress.ip_network(value, strict=False)))
        return self._text(value, self._telling if field in _OWN_WORDS else self._names)

    def _text(self, text: str, names: "re.Pattern[str] | None") -> str:
        text = _HASH.sub(lambda found: f"key-{self._hex(found.group().lower(), 12)}", text)
        text = _MAC.sub(lambda found: self._mac(found.group()), text)
        if self._bare_macs:
            text = self._bare_macs.sub(lambda found: self._mac(found.group()).replace(":", ""), text)
        text = _IP4.sub(lambda found: self._literal(found.group()), text)
        text = _IP6.sub(lambda found: self._literal(found.group()), text)
        if self._serials:
            text = self._serials.sub(lambda found: self._serial(found.group()), text)
        text = _SERIAL.sub(lambda found: found[1] + self._serial(found[2]), text)
        if names:
            text = names.sub(lambda found: self._name(found.group()), text)
        return _TELLING_NAME.sub(lambda found: self._name(found.group()), text)

    def _mac(self, text: str) -> str:
        """A locally administered address, which no maker gives."""
        digits = self._hex(re.sub(r"[^0-9a-f]", "", text.lower()), 10)
        return ":".join(("02", *(digits[start : start + 2] for start in range(0, 10, 2))))

    def _name(self, text: str) -> str:
        return text if text.startswith("host-") else f"host-{self._hex(text.lower().removesuffix('.local'), 6)}"

    def _serial(self, text: str) -> str:
        return text if text.startswith(("keyed", "serial-")) else f"serial-{self._hex(text, 6)}"

    def _literal(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        if any(version.startswith(text) for version in self._versions):
            return text
        return self._address(address)

    def _address(self, address: IPAddress) -> str:
        if address not in self._addresses:
            self._addresses[address] = str(self._free(address)) if _points_at_someone(address) else str(address)
        return self._addresses[address]

    def _free(self, address: IPAddress) -> IPAddress:
        """The pseudonym of an address, inside its network's where one is in scope; two never share one."""
        home = next((net for net in self._networks if net.version == address.version and address in net), None)
        wanted = int.from_bytes(self._digest(str(address)))
        if not is_public(address):
            room: IPNetwork = ipaddress.IPv6Network((int(address) >> 64 << 64, 64))
        else:
            room = self._network(home) if home else _IPV4 if address.version == 4 else _IPV6
        while (chosen := room[wanted % room.num_addresses]) in self._taken:
            wanted += 1
        self._taken.add(chosen)
        return chosen

    def _network(self, network: IPNetwork) -> IPNetwork:
        if not is_public(network[0]):
            return network
        if network.num_addresses == 1:
            return ipaddress.ip_network(self._address(network[0]))
        room: IPNetwork = _IPV4 if network.version == 4 else _IPV6
        if network.prefixlen <= room.prefixlen:
            return room
        place = int.from_bytes(self._digest(str(network))) % (1 << (network.prefixlen - room.prefixlen))
        return ipaddress.ip_network((int(room[0]) + place * network.num_addresses, network.prefixlen))

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    def _hex(self, text: str, digits: int) -> str:
        return self._digest(text).hex()[:digits]


def _serials(audit: Audit) -> set[str]:
    """The serial numbers that are told as such anywhere, so that they are known where they stand alone."""
    texts = [text for device in audit.devices for finding in device.findings for text in finding.evidence]
    texts += [match.text for device in audit.devices if device.identity for match in device.identity.evidence]
    named = {found[2] for text in texts for found in _SERIAL.finditer(text)}
    named |= {key.partition(":")[2] for device in audit.devices for key in device.keys if key.startswith("serial:")}
    return {text for text in named if len(text) >= 6 and re.search(r"\d", text)}


def _points_at_someone(address: IPAddress) -> bool:
    """Whether it is public, or an IPv6 address made of a MAC (EUI-64 has ff:fe in its middle, RFC 4291 appendix A)."""
    return is_public(address) or (address.version == 6 and address.packed[11:13] == b"\xff\xfe")


def _is_its_model(device: Device) -> bool:
    """Whether it is called what it is, as many are out of their box."""
    identity, hostname = device.identity, (device.hostname or "").lower()
    return identity is not None and hostname in ((identity.model or "").lower(), (identity.vendor or "").lower())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _any_of(names: Any) -> "re.Pattern[str] | None":
    parts = sorted((re.escape(name) for name in names), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(parts)})(?![\w-])", re.IGNORECASE) if parts else None
