"""Asks one device by multicast DNS, sent to it alone, which services it offers and how it describes them."""

import secrets
from collections.abc import Iterable

from ..model import Endpoint, Observation
from . import Dialogue, dns_wire, probe, readable
from .discretion import is_secret, keyed
from .dns_wire import INTERNET, PTR, SRV, TXT, Message, Name, Record

SERVICES = (
    "_http._tcp", "_https._tcp", "_ipp._tcp", "_printer._tcp", "_pdl-datastream._tcp", "_device-info._tcp", "_smb._tcp",
    "_axis-video._tcp", "_qdiscover._tcp", "_googlecast._tcp",
)  # fmt: skip
_LIMIT = 200


@probe("mdns", udp={5353})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for the instances of ten services in one packet, and once more for texts that did not come with them.

    Sent from an ephemeral port, so that the answer comes to us alone (RFC 6762, section 6.7).

    Returns:
        `mdns.<service>.<key>` of the texts (RFC 6763, section 6), `mdns.<service>.name` with the instances' names, and
        `mdns.hostname`; None where nothing answered.
    """
    names = [((*service.split("."), "local"), PTR, INTERNET) for service in SERVICES]
    first = await _asked(endpoint, dial, names)
    if first is None:
        return None
    records = list(first.records)
    instances = list(
        dict.fromkeys(record.target for record in records if record.kind == PTR and len(record.target) > 3)
    )
    described = {record.name for record in records if record.kind == TXT}
    missing = [name for name in instances if name not in described][:8]
    if instances:
        missing.append((instances[0][0], "_device-info", "_tcp", "local"))
        second = await _asked(endpoint, dial, [(name, TXT, INTERNET) for name in missing])
        records += second.records if second else ()
    return Observation.of(endpoint, _fields(records, instances, dial.settings.key))


async def _asked(endpoint: Endpoint, dial: Dialogue, names: list[tuple[Name, int, int]]) -> Message | None:
    answer = await dial.ask(endpoint, dns_wire.question(secrets.randbelow(0x10000), names))
    read = dns_wire.read(answer or b"")
    return read if read and read.flags & dns_wire.IS_ANSWER else None


def _fields(records: Iterable[Record], instances: Iterable[Name], key: bytes) -> dict[str, str]:
    fields: dict[str, dict[str, None]] = {}

    def add(name: str, value: str) -> None:
        if value and (name in fields or len(fields) < _LIMIT):
            fields.setdefault(name[:120], {})[value[:1_000]] = None

    for name in instances:
        add(f"mdns.{_service(name)}.name", name[0])
    for record in records:
        if record.kind == SRV and len(record.name) > 3:
            add("mdns.hostname", ".".join(record.target))
        elif record.kind == TXT and len(record.name) > 3:
            for text in record.texts[:64]:
                told, _, value = readable(text).partition("=")
                add(f"mdns.{_service(record.name)}.{told}", keyed(value, key) if is_secret(told) else value)
    return {name: "\n".join(list(values)[:16]) for name, values in fields.items()}


def _service(name: Name) -> str:
    return ".".join(name[1:-1])
