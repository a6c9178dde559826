"""Writes DNS questions and reads DNS messages (RFC 1035, section 4), whatever the bytes are."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

A, PTR, TXT, SRV = 1, 12, 16, 33
INTERNET, CHAOS = 1, 3
RECURSION_DESIRED, RECURSION_AVAILABLE, IS_ANSWER = 0x0100, 0x0080, 0x8000
CODES = {0: "answered", 1: "format error", 2: "server failure", 3: "no such name", 4: "not implemented", 5: "refused"}
_RECORDS_LIMIT = 200

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record; `target` is the name in a PTR or SRV, `texts` the strings of a TXT."""

    name: Name
    kind: int
    data: bytes
    target: Name = ()
    texts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its number, flags and records of all sections, as far as they can be read.

    The first `told` of the records answer the question; the rest only stand by.
    """

    number: int
    flags: int
    records: tuple[Record, ...]
    told: int = 0

    @property
    def code(self) -> str:
        """The response code in words."""
        return CODES.get(self.flags & 0xF, f"code {self.flags & 0xF}")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The IPv4 addresses that answer the question, at the end of whatever aliases."""
        answers = self.records[: self.told]
        return tuple(socket.inet_ntoa(each.data) for each in answers if each.kind == A and len(each.data) == 4)


def question(number: int, names: Sequence[tuple[Name, int, int]], flags: int = 0) -> bytes:
    """A message that asks for (name, type, class) each; labels longer than 63 bytes are cut."""
    asked = bytearray(struct.pack(">HHHHHH", number, flags, len(names), 0, 0, 0))
    for name, kind, family in names:
        for label in name:
            data = label.encode("utf-8", "replace")[:63]
            asked += bytes([len(data)]) + data
        asked += b"\0" + struct.pack(">HH", kind, family)
    return bytes(asked)


def read(message: bytes) -> Message | None:
    """The message, cut where it stops making sense, or None where it has not even a header."""
    if len(message) < 12:
        return None
    number, flags, questions, *counts = struct.unpack(">HHHHHH", message[:12])
    records: list[Record] = []
    at = 12
    try:
        for _ in range(min(questions, _RECORDS_LIMIT)):
            at = _name(message, at)[1] + 4
        for _ in range(min(sum(counts), _RECORDS_LIMIT)):
            name, at = _name(message, at)
            kind, _, _, length = struct.unpack(">HHIH", message[at : at + 10])
            at += 10
            if at + length > len(message):
                break
            records.append(_record(message, name, kind, at, length))
            at += length
    except (struct.error, IndexError, ValueError):
        pass  # What was read until here holds.
    return Message(number, flags, tuple(records), counts[0])


def _record(message: bytes, name: Name, kind: int, at: int, length: int) -> Record:
    data = message[at : at + length]
    if kind == PTR:
        return Record(name, kind, data, target=_name(message, at)[0])
    if kind == SRV:
        return Record(name, kind, data, target=_name(message, at + 6)[0])
    texts = []
    while kind == TXT and data:
        texts.append(data[1 : 1 + data[0]])
        data = data[1 + data[0] :]
    return Record(name, kind, message[at : at + length], texts=tuple(texts))


def _name(message: bytes, at: int) -> tuple[Name, int]:
    """The name at a place and the place after it; a chain of pointers ends after 16, so that no loop holds us."""
    labels: list[str] = []
    after = 0
    for _ in range(160):
        length = message[at]
        if length >= 0xC0:
            after = after or at + 2
            labels_left = (length & 0x3F) << 8 | message[at + 1]
            if labels_left >= at:
                raise ValueError("a pointer leads forward")
            at = labels_left
        elif length == 0:
            return tuple(labels), after or at + 1
        else:
            labels.append(message[at + 1 : at + 1 + length].decode("utf-8", "replace"))
            at += 1 + length
    raise ValueError("a name without end")
