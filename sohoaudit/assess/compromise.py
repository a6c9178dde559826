"""Finds what only an intruder leaves behind; a port alone is never such a sign."""

import re
from collections.abc import Iterator
from dataclasses import replace

from ..knowledge import ports
from ..model import Endpoint, Priority, Transport, is_public
from . import Case, Draft, certainty_of, quoted, rule, shortened
from .exposure import is_appliance
from .priority import Fact, Reach
from .tls import day_of

# Names that a worm gave to airOS and RouterOS boxes whose password it guessed (Ubiquiti, 2016).
_DEFACED = re.compile(r"\bHACKED-ROUTER-HELP-SOS\b[\w-]*")
# Quad7's telnet asks with its own word; `rlogin:` is also an honest word, so there the port must agree (Sekoia, 2024).
_QUAD7 = re.compile(r"(?m)^[ \t]*(?P<word>(?:x|a|zy|ax|r)login):")
_QUAD7_RLOGIN_PORTS = {63210, 3256}
_DEADBOLT = re.compile(r"(?i)files have been locked by DEADBOLT")
# The whole name, so that a page about break-ins is none.
_BOASTED = re.compile(r"(?i)(?:hacked|pwned|0wned)(?: by [\w .-]{1,40})?[!. ]*")
_MINER = re.compile(r"(?i)coinhive\.min\.js|coinhive\.anonymous\s*\(|webassembly-miner")
_ROUTERS = {"router", "modem", "gateway", "vpn-gateway", "firewall", "ap", "access-point"}
# AVrecon and HiatusRAT (Lumen, 2023), Mirai's and ZuoRAT's single instance (Lumen, 2022).
_LOCK_PORTS = {48102: "AVrecon", 8816: "HiatusRAT", 48101: "Mirai"}


@rule("compromise.mf-worm", facts=("said",))
def mf_worm(case: Case) -> Iterator[Draft]:
    """The device was renamed by a worm."""
    hostname = case.device.hostname or ""
    if found := _DEFACED.search(hostname):
        yield _sign(case, "mf-worm", None, (quoted("hostname", hostname),), said=found.group())
    for observation in case.device.observations:
        for name, value in observation.fields.items():
            if found := _DEFACED.search(value):
                yield _sign(case, "mf-worm", observation.endpoint, (quoted(name, found.group()),), said=found.group())
                return


@rule("compromise.quad7", facts=("said",))
def quad7(case: Case) -> Iterator[Draft]:
    """A shell that asks with the intruder's own word."""
    for observation, name, value in case.values("telnet.banner", "tcp.banner"):
        found, endpoint = _QUAD7.search(value), observation.endpoint
        if found and (found["word"] != "rlogin" or endpoint.port in _QUAD7_RLOGIN_PORTS):
            said = found["word"] + ":"
            yield _sign(case, "quad7", endpoint, (str(endpoint), quoted(name, value)), said=said)


@rule("compromise.wrthug", facts=("until",))
def wrthug(case: Case) -> Iterator[Draft]:
    """The certificate left on ASUS routers: named `a` in every part, valid until 2122 (SecurityScorecard, 2025)."""
    for observation, name, value in case.values("tls.subject"):
        until = day_of(observation.fields.get("tls.not_after", ""))
        parts = _name_parts(value)
        is_all_a = {parts.get(key) for key in ("CN", "OU", "O")} == {"a"} and set(parts.values()) <= {"a", "aa"}
        if is_all_a and until and until.year >= 2120:
            evidence = (str(observation.endpoint), quoted(name, value), quoted("tls.not_after", until.isoformat()))
            yield _sign(case, "wrthug", observation.endpoint, evidence, until=until.isoformat())


@rule("compromise.lapdogs")
def lapdogs(case: Case) -> Iterator[Draft]:
    """A self-signed certificate that pretends to be the Los Angeles police (SecurityScorecard, 2025)."""
    for observation, name, value in case.values("tls.subject"):
        is_self_signed = value == observation.fields.get("tls.issuer")
        if _name_parts(value).get("O") == "LAPD" and is_self_signed:
            evidence = (str(observation.endpoint), quoted(name, value))
            yield _sign(case, "lapdogs", observation.endpoint, evidence)


@rule("compromise.kv-botnet")
def kv_botnet(case: Case) -> Iterator[Draft]:
    """The self-signed certificate of the JDY part of the KV-botnet (Lumen and SecurityScorecard, 2024)."""
    for observation, name, value in case.values("tls.subject"):
        if _name_parts(value).get("CN") == "jdyfj":
            yield _sign(case, "kv-botnet", observation.endpoint, (str(observation.endpoint), quoted(name, value)))


@rule("compromise.polaredge")
def polaredge(case: Case) -> Iterator[Draft]:
    """A TLS server with the test certificate of its library, on a high port of a maker it is known from (Sekoia, 2025).

    Cheap cameras show that certificate on their own page, so maker and port must agree.
    """
    for observation, name, value in case.values("tls.issuer"):
        is_test = _name_parts(value).get("CN") in ("PolarSSL Test CA", "PolarSSL Test CA 2")
        if is_test and observation.endpoint.port >= 10_000 and _made_by(case, "Cisco", "ASUS", "QNAP", "Synology"):
            yield _sign(case, "polaredge", observation.endpoint, (str(observation.endpoint), quoted(name, value)))


@rule("compromise.ayysshush")
def ayysshush(case: Case) -> Iterator[Draft]:
    """SSH on the port that an intruder's settings open on ASUS routers (GreyNoise, 2025)."""
    yield from _shell_on(case, "ayysshush", {53282}, "ASUS")


@rule("compromise.draytek-2020")
def draytek_2020(case: Case) -> Iterator[Draft]:
    """SSH on the ports of the back door left on Vigor routers (Netlab 360, 2020)."""
    yield from _shell_on(case, "draytek-2020", {22335, 32459}, "DrayTek")


@rule("compromise.deadbolt", facts=("said",))
def deadbolt(case: Case) -> Iterator[Draft]:
    """The sign-in page of a storage box replaced by a demand for money (QNAP, ASUSTOR, 2022)."""
    for observation, name, value in case.values("http.title", "http.body"):
        if found := _DEADBOLT.search(value):
            evidence = (str(observation.endpoint), quoted(name, found.group()))
            yield _sign(case, "deadbolt", observation.endpoint, evidence, said=shortened(found.group(), 80))


@rule("compromise.camera-defaced", facts=("said",))
def camera_defaced(case: Case) -> Iterator[Draft]:
    """A camera or recorder that bears the word of whoever got in (many makers, since 2017)."""
    kind = case.device.identity.kind if case.device.identity else None
    for observation, name, value in case.values("http.title", "onvif.Name", "dhip.MachineName", "sadp.DeviceName"):
        found = _BOASTED.fullmatch(value.strip())
        if found and kind in ("camera", "nvr", "dvr", "recorder"):
            evidence = (str(observation.endpoint), quoted(name, value))
            yield _sign(case, "camera-defaced", observation.endpoint, evidence, said=shortened(value, 80))


@rule("compromise.printer-defaced", facts=("said",))
def printer_defaced(case: Case) -> Iterator[Draft]:
    """A printer whose page or name bears a stranger's word, as those that printed what strangers sent (press, 2018)."""
    kind = case.device.identity.kind if case.device.identity else None
    for observation, name, value in case.values("http.title", "ipp.printer-name", "ipp.printer-info", "snmp.sysname"):
        found = _BOASTED.fullmatch(value.strip())
        if found and kind == "printer":
            evidence = (str(observation.endpoint), quoted(name, value))
            yield _sign(case, "printer-defaced", observation.endpoint, evidence, said=shortened(value, 80))


@rule("compromise.coinhive", facts=("said",))
def coinhive(case: Case) -> Iterator[Draft]:
    """A router whose pages carry a program that earns somebody money (Trustwave, 2018)."""
    kind = case.device.identity.kind if case.device.identity else None
    for observation, name, value in case.values("http.body"):
        found = _MINER.search(value)
        if found and kind in _ROUTERS:
            evidence = (str(observation.endpoint), quoted(name, found.group()))
            yield _sign(case, "coinhive", observation.endpoint, evidence, said=found.group())


@rule("compromise.open-socks")
def open_socks(case: Case) -> Iterator[Draft]:
    """A proxy on a router that takes anybody; the owner may have set it up, so inside it is no alarm."""
    kind = case.device.identity.kind if case.device.identity else None
    for observation, name, value in case.values("socks.auth"):
        if value == "none" and kind in _ROUTERS:
            endpoint = observation.endpoint
            reach = case.reach(endpoint)
            sign = _sign(case, "open-socks", endpoint, (str(endpoint), quoted(name, value)))
            yield replace(sign, at_most=Priority.URGENT if reach is Reach.INTERNET else Priority.HIGH)


@rule("compromise.open-adb", facts=("said",))
def open_adb(case: Case) -> Iterator[Draft]:
    """A box whose debugging door takes anybody, as the botnets of television boxes need it (FBI, 2025)."""
    for observation, name, value in case.values("adb.banner"):
        if observation.fields.get("adb.auth") == "none":
            endpoint = observation.endpoint
            evidence = (str(endpoint), quoted(name, value))
            sign = _sign(case, "open-adb", endpoint, evidence, said=shortened(value, 80))
            yield replace(sign, at_most=Priority.URGENT if case.reach(endpoint) is Reach.INTERNET else Priority.HIGH)


@rule("compromise.frp", facts=("said",))
def frp(case: Case) -> Iterator[Draft]:
    """A tunnel to elsewhere on a box with firmware; used honestly for remote access, and by intruders (AA23-144A)."""
    for observation, name, value in case.values("http.title"):
        if is_appliance(case.device) and value.strip().lower() in (
            "frps dashboard",
            "frp server dashboard",
            "frpc admin",
        ):
            evidence = (str(observation.endpoint), quoted(name, value))
            sign = _sign(case, "frp", observation.endpoint, evidence, said=value.strip())
            yield replace(sign, at_most=Priority.MEDIUM)


@rule("compromise.lock-port", facts=("known_as",))
def lock_port(case: Case) -> Iterator[Draft]:
    """A port that a family holds open so that it runs only once; nothing common uses it, so it is worth a look."""
    kind = case.device.identity.kind if case.device.identity else None
    for service in case.device.services:
        endpoint = service.endpoint
        family = _LOCK_PORTS.get(endpoint.port) if endpoint.transport is Transport.TCP else None
        if family and kind in _ROUTERS:
            sign = _sign(case, "lock-port", endpoint, (f"{endpoint} is open",), known_as=family)
            yield replace(sign, fact=Fact.UNKNOWN, at_most=Priority.LOW)


@rule("compromise.upnproxy", facts=("mapping", "said"))
def upnproxy(case: Case) -> Iterator[Draft]:
    """A mapping that leads back out, to the router's own controls, or bears the text of a campaign (Akamai, 2018)."""
    for observation, name, value in case.values("upnp.mapping"):
        for line in value.splitlines():
            is_marked = "galleta silenciosa" in line.lower()
            if is_marked or _leads_out(line, observation.endpoint) or _leads_to_own_controls(case, line):
                said = "galleta silenciosa" if is_marked else ""
                yield _sign(case, "upnproxy", observation.endpoint, (quoted(name, line),), mapping=line, said=said)


def _shell_on(case: Case, family: str, odd_ports: set[int], vendor: str) -> Iterator[Draft]:
    """A remote command line on an odd port of one maker's box: both must agree, and SSH must have spoken there."""
    for observation, name, value in case.values("ssh.banner"):
        endpoint = observation.endpoint
        if endpoint.port in odd_ports and _made_by(case, vendor):
            yield _sign(case, family, endpoint, (str(endpoint), quoted(name, value)))


def _made_by(case: Case, *vendors: str) -> bool:
    """Whether the device is known, and not by a hint alone, to be of one of these makers."""
    known = certainty_of(case.device, "vendor")
    return known is not None and case.device.identity is not None and case.device.identity.vendor in vendors


def _leads_to_own_controls(case: Case, mapping: str) -> bool:
    """Whether a line opens the router's own management to the internet."""
    try:
        client, _, port = mapping.split()[2].rpartition(":")
        own = {address for address in case.device.addresses if not is_public(address)}
        transport = Transport(mapping.split()[0].lower())
        return " disabled" not in mapping and client in own and ports.known(int(port), transport).manages
    except (ValueError, IndexError):
        return False


def _sign(case: Case, family: str, endpoint: Endpoint | None, evidence: tuple[str, ...], **facts: str) -> Draft:
    return Draft(
        rule=f"compromise.{family}",
        fact=Fact.COMPROMISED,
        reach=case.reach(endpoint),
        evidence=evidence,
        facts=facts,
        endpoint=endpoint,
    )


def _name_parts(name: str) -> dict[str, str]:
    """The parts of a distinguished name, written `CN=a,O=b` in any order (RFC 4514)."""
    parts = (part.partition("=") for part in re.split(r"(?<!\\)[,+/\n]", name))
    return {key.strip().upper(): value.strip() for key, _, value in parts if value}


def _leads_out(mapping: str, gateway: Endpoint) -> bool:
    """Whether a line `TCP 8080 192.168.1.5:80 enabled …` names a public client, of a gateway that itself has none."""
    try:
        client = mapping.split()[2].rpartition(":")[0].strip("[]")
        return is_public(client) and not is_public(gateway.address)
    except (ValueError, IndexError):
        return False
