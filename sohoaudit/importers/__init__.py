"""Reads what other programs and indexes saw into faces; one file a format, found by its place, told by its content."""

import importlib
import pkgutil
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..joining import Face
from ..model import Endpoint, Gap, Observation, Vantage, is_public, printable
from . import json_text

UNPACKED_LIMIT_BYTES = 134_217_728
HEAD_CHARACTERS = 65_536


class ForeignFileError(ValueError):
    """A file that cannot be imported at all: one line that names it and the remedy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One open endpoint as another program saw it: fields by our names, the protocol where it spoke, and when.

    `source` names an index ("Shodan"); `mac` is the host's, where the program stood on its link.
    """

    endpoint: Endpoint
    fields: Mapping[str, str] = field(default_factory=dict)
    probe: str = ""
    time: datetime | None = None
    source: str = ""
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """A part of a file that could not be read; `matters` where something may be missing by it."""

    reason: str
    matters: bool = True


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, by which its format is told; `first` is its first JSON object, or empty."""

    text: str
    first: Mapping[str, Any]


Read = Callable[[str], Iterator[Seen | Damage]]


@dataclass(frozen=True, slots=True)
class Format:
    """One foreign format; an index looked by itself, so that its vantage is known."""

    name: str
    recognises: Callable[[Head], bool]
    read: Read
    is_index: bool = False


_FORMATS: list[Format] = []


def importer(name: str, recognises: Callable[[Head], bool], *, is_index: bool = False) -> Callable[[Read], Read]:
    """Register a reader of the text of a file under the name of its format."""

    def register(read: Read) -> Read:
        _FORMATS.append(Format(name, recognises, read, is_index))
        return read

    return register


@dataclass(slots=True)
class Imported:
    """What a file held: its format, the faces, and what could not be read of it."""

    format: Format
    faces: list[Face]
    gaps: list[Gap]


def read(path: Path, vantage: Vantage | None = None) -> Imported:
    """Read one file, gzip or plain; what is whole in a damaged one is read, and the rest is a gap.

    Args:
        path: the file.
        vantage: where the program looked from; None takes it from the format and the addresses.

    Raises:
        ForeignFileError: it cannot be opened, is of no known format, or holds public addresses and nobody said from
            where they were seen.
    """
    text, damage = _text(path)
    imported = read_text(text, str(path), vantage)
    remedy = "make the file again, or look at the hosts themselves"
    imported.gaps += [
        Gap("import", path.name, each.reason, remedy if each.matters else "", each.matters) for each in damage
    ]
    return imported


def read_text(text: str, name: str, vantage: Vantage | None = None) -> Imported:
    """As `read`, of a text that is at hand already; `name` is how messages call it."""
    damage: list[Damage] = []
    found = _format(name, text)
    faces: dict[tuple[str, Vantage], Face] = {}
    for item in found.read(text):
        if isinstance(item, Damage):
            damage.append(item)
        else:
            seen_from = _vantage(name, found, item, vantage)
            place = (item.endpoint.address, seen_from)
            _note(faces.setdefault(place, Face(item.endpoint.address, seen_from)), item, found)
    if not faces and not damage:
        damage.append(Damage("it names no open port", matters=False))
    remedy = "make the file again, or look at the hosts themselves"
    short = name.rpartition("/")[2]
    gaps = [Gap("import", short, each.reason, remedy if each.matters else "", each.matters) for each in damage]
    return Imported(found, list(faces.values()), gaps)


def formats() -> tuple[Format, ...]:
    """Every format there is, found in the files of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(_FORMATS)


def _format(name: str, text: str) -> Format:
    head = Head(text[:HEAD_CHARACTERS], json_text.first(text))
    for known in formats():
        if known.recognises(head):
            return known
    names = ", ".join(dict.fromkeys(known.name for known in formats()))
    raise ForeignFileError(f"{name}: not a format that can be imported: give a file of {names}")


def _text(path: Path) -> tuple[str, list[Damage]]:
    try:
        with path.open("rb") as file:
            start = file.read(2)
            raw = start + file.read(UNPACKED_LIMIT_BYTES)
    except OSError as fault:
        raise ForeignFileError(
            f"{path} cannot be read ({fault.strerror}): check the path and its permissions"
        ) from None
    damage: list[Damage] = []
    if start == b"\x1f\x8b":
        raw = _unpacked(raw, damage)
    if len(raw) > UNPACKED_LIMIT_BYTES:
        damage.append(Damage(f"it is larger than {UNPACKED_LIMIT_BYTES >> 20} MiB: the rest was left out"))
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return raw[:UNPACKED_LIMIT_BYTES].decode(encoding, "replace"), damage


def _unpacked(raw: bytes, damage: list[Damage]) -> bytes:
    """All members of a gzip file as far as they are whole, never more than the limit and one byte."""
    whole = bytearray()
    while raw and len(whole) <= UNPACKED_LIMIT_BYTES:
        unpack = zlib.decompressobj(31)
        try:
            whole += unpack.decompress(raw, UNPACKED_LIMIT_BYTES + 1 - len(whole))
        except zlib.error:
            damage.append(Damage("the compressed file is damaged: what came before was read"))
            break
        if not unpack.eof:
            if not unpack.unconsumed_tail:
                damage.append(Damage("the compressed file ends too early: what came before was read"))
            break
        raw = unpack.unused_data
    return bytes(whole)


def _vantage(name: str, found: Format, seen: Seen, given: Vantage | None) -> Vantage:
    if given:
        return given
    if found.is_index:
        return Vantage.INDEX
    if not is_public(seen.endpoint.address):
        return Vantage.LAN
    raise ForeignFileError(
        f"{name}: {seen.endpoint.address} is public, and {found.name} does not say from where it looked: "
        f"add --vantage internet, or --vantage lan where it ran inside"
    )


def _note(face: Face, seen: Seen, found: Format) -> None:
    face.mac = face.mac or seen.mac
    if seen.endpoint not in face.open:
        face.open.append(seen.endpoint)
    time = seen.time or datetime.now(UTC)
    fields = {name: printable(text) for name, text in seen.fields.items() if text}
    face.observations.append(Observation(seen.endpoint, MappingProxyType(fields), seen.probe, face.vantage, time))
    if face.vantage is Vantage.INDEX:
        face.details[seen.endpoint] = f"{seen.source or found.name}, {time:%Y-%m-%d}"


def moment(value: object) -> datetime | None:
    """A time as these formats write it, seconds since 1970 or ISO 8601 (UTC where no zone is told); None for others."""
    text = str(value or "").strip()
    try:
        if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        # More than six digits of a second are Go's; fromisoformat of 3.11 takes six.
        time = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace(" UTC", "")))
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def endpoint(address: object, port: object, transport: object = "tcp") -> Endpoint | None:
    """An endpoint, or None where a part of it is none."""
    import ipaddress

    from ..model import Transport

    try:
        ip = ipaddress.ip_address(str(address))
        number, kind = int(str(port)), Transport(str(transport).lower())
    except ValueError:
        return None
    return Endpoint(str(ip), number, kind) if 0 < number < 65_536 else None
