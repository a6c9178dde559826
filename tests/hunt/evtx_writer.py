"""Writes small EVTX files, templates and all, since the `evtx` package only reads (format: libevtx documentation)."""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SYSMON = ("Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational")
SECURITY = ("Microsoft-Windows-Security-Auditing", "Security")

_CHUNK, _HEADER = 65_536, 512
_STRING, _U16, _U64, _FILETIME = 0x01, 0x06, 0x0A, 0x11


@dataclass(frozen=True)
class Record:
    """One event: who wrote it where, its number, computer, time and named data."""

    provider: str
    channel: str
    event_id: int
    data: dict[str, str]
    computer: str = "WS1.office.example"
    time: datetime = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def sysmon(number: int, **fields: object) -> Record:
    """A Sysmon record; `computer` and `time` are taken out of the fields."""
    return _record(SYSMON, number, fields)


def security(number: int, **fields: object) -> Record:
    """A Security record."""
    return _record(SECURITY, number, fields)


def write(path: Path, records: Iterable[Record]) -> Path:
    """Write an EVTX file whose chunks are filled in order."""
    chunks: list[bytes] = []
    pending = list(records)
    first = 1
    while pending or not chunks:
        chunk, taken = _chunk(pending, first)
        chunks.append(chunk)
        pending = pending[taken:]
        first += taken
    path.write_bytes(file_header(len(chunks), first) + b"".join(chunks))
    return path


def file_header(chunks: int, next_record: int) -> bytes:
    """The 4,096 bytes before the first chunk."""
    head = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, max(0, chunks - 1), next_record, 128, 1, 3, 4_096, min(chunks, 65_535)
    )
    head = head.ljust(120, b"\0")
    return (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(4_096, b"\0")


def _record(place: tuple[str, str], number: int, fields: dict[str, object]) -> Record:
    extra = {name: fields.pop(name) for name in ("computer", "time") if name in fields}
    return Record(*place, number, {name: str(value) for name, value in fields.items()}, **extra)  # type: ignore[arg-type]


def _chunk(records: list[Record], first: int) -> tuple[bytes, int]:
    body = bytearray(_HEADER)
    templates: dict[tuple[object, ...], int] = {}
    taken = 0
    last_offset = _HEADER
    for record in records:
        offset = len(body)
        written = _written(record, first + taken, offset, templates)
        if offset + len(written) > _CHUNK:
            templates = {key: at for key, at in templates.items() if at < offset}
            break
        body += written
        last_offset = offset
        taken += 1
    if records and not taken:
        raise ValueError("a record is larger than a chunk")
    data = bytes(body[_HEADER:])
    last = first + taken - 1
    head = struct.pack(
        "<8sQQQQIIII", b"ElfChnk\0", first, last, first, last, 128, last_offset, len(body), zlib.crc32(data)
    ).ljust(120, b"\0")
    tables = bytes(_HEADER - 128)
    checksum = zlib.crc32(head + tables)
    return (head + struct.pack("<II", 0, checksum) + tables + data).ljust(_CHUNK, b"\0"), taken


def _written(record: Record, number: int, offset: int, templates: dict[tuple[object, ...], int]) -> bytes:
    key = (record.provider, record.channel, tuple(record.data))
    at = offset + 24 + 4  # after the record's head and the fragment header
    instance = struct.pack("<BBI", 0x0C, 0x01, hash(key) & 0xFFFFFFFF)
    if key in templates:
        instance += struct.pack("<I", templates[key])
    else:
        definition_at = at + 10
        templates[key] = definition_at
        instance += struct.pack("<I", definition_at) + _template(record, definition_at)
    values = [
        (_U16, struct.pack("<H", record.event_id)),
        (_FILETIME, struct.pack("<Q", _filetime(record.time))),
        (_U64, struct.pack("<Q", number)),
        (_STRING, record.computer.encode("utf-16-le")),
        *((_STRING, text.encode("utf-16-le")) for text in record.data.values()),
    ]
    table = struct.pack("<I", len(values)) + b"".join(
        struct.pack("<HBB", len(value), kind, 0) for kind, value in values
    )
    xml = b"\x0f\x01\x01\x00" + instance + table + b"".join(value for _, value in values)
    size = 24 + len(xml) + 4
    padding = -size % 8
    size += padding
    head = struct.pack("<IIQQ", 0x2A2A, size, number, _filetime(record.time))
    return head + xml + bytes(padding) + struct.pack("<I", size)


def _template(record: Record, at: int) -> bytes:
    start = at + 24
    xml = _Xml(start)
    xml.raw(b"\x0f\x01\x01\x00")
    xml.open("Event")
    xml.open("System")
    xml.open("Provider", Name=record.provider)
    xml.close()
    for name, index, kind in (("EventID", 0, _U16),):
        xml.element(name, index, kind)
    xml.open("TimeCreated", SystemTime=(1, _FILETIME))
    xml.close()
    xml.element("EventRecordID", 2, _U64)
    xml.element("Channel", record.channel)
    xml.element("Computer", 3, _STRING)
    xml.close()
    xml.open("EventData")
    for index, name in enumerate(record.data, 4):
        xml.open("Data", Name=name)
        xml.value((index, _STRING))
        xml.close()
    xml.close()
    xml.close()
    xml.raw(b"\x00")
    body = bytes(xml.out)
    return (
        struct.pack("<I", 0)
        + struct.pack("<I", hash(record.channel) & 0xFFFFFFFF)
        + bytes(12)
        + struct.pack("<I", len(body))
        + body
    )


class _Xml:
    """Binary XML under construction, at a known offset in its chunk."""

    def __init__(self, start: int) -> None:
        self.start, self.out = start, bytearray()
        self._open: list[int] = []

    def raw(self, data: bytes) -> None:
        self.out += data

    def open(self, name: str, **attributes: object) -> None:
        self.out += struct.pack("<BH", 0x41 if attributes else 0x01, 0xFFFF)
        self._open.append(len(self.out))
        self.out += bytes(4)
        self._name(name)
        if attributes:
            size_at = len(self.out)
            self.out += bytes(4)
            for position, (key, value) in enumerate(attributes.items(), 1):
                self.out.append(0x46 if position < len(attributes) else 0x06)
                self._name(key)
                self.value(value)
            struct.pack_into("<I", self.out, size_at, len(self.out) - size_at - 4)
        self.out.append(0x02)

    def close(self) -> None:
        self.out.append(0x04)
        size_at = self._open.pop()
        struct.pack_into("<I", self.out, size_at, len(self.out) - size_at - 4)

    def element(self, name: str, value: object, kind: int | None = None) -> None:
        self.open(name)
        self.value((value, kind) if kind is not None else value)
        self.close()

    def value(self, value: object) -> None:
        if isinstance(value, tuple):
            self.out += struct.pack("<BHB", 0x0D, *value)
        else:
            text = str(value)
            self.out += struct.pack("<BBH", 0x05, _STRING, len(text)) + text.encode("utf-16-le")

    def _name(self, name: str) -> None:
        here = self.start + len(self.out) + 4
        number = 0
        for letter in name:
            number = (number * 65_599 + ord(letter)) & 0xFFFFFFFF
        self.out += struct.pack("<IIHH", here, 0, number & 0xFFFF, len(name)) + name.encode("utf-16-le") + b"\0\0"


def _filetime(time: datetime) -> int:
    return int((time - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 10_000_000)
