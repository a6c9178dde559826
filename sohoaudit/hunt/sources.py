"""Opens logs of any shape and wrapping, by their content: EVTX, JSON and CSV, plain, gzip or zip, files and folders."""

import csv
import gzip
import io
import os
import re
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import IO, cast

from .event import Event
from .fields import NEEDED_IDS, from_evtx, from_mapping

# One member of an archive may unpack to this much, and to this many times its packed size: EVTX shrinks about
# 20-fold, repeated JSON up to 60-fold, a bomb a thousandfold.
UNPACKED_LIMIT_BYTES = 8 << 30
RATIO_LIMIT = 400
RATIO_FREE_BYTES = 16 << 20
RECORD_LIMIT_BYTES = 16 << 20
_IN_MEMORY_BYTES = 8 << 20
_DEPTH_LIMIT = 3
_LOG_ENDINGS = (".evtx", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".txt", ".log", ".gz", ".zip", ".evtx.bak")


@dataclass(slots=True)
class Log:
    """One log that was opened: its name for people, its kind, and what happened while it was read.

    `unread` counts records and chunks that could not be read; `faults` says what they were, first ones only. A file
    that was met in a folder or an archive (not `was_named`) and is no log at all is `passed_over`, which is no fault.
    """

    name: str
    kind: str = ""
    records: int = 0
    skipped: int = 0
    unread: int = 0
    was_named: bool = True
    passed_over: bool = False
    faults: list[str] = field(default_factory=list)

    def fault(self, what: str) -> None:
        """Count one thing that could not be read and keep the first few sentences about such."""
        self.unread += 1
        if len(self.faults) < 5 and what not in self.faults:
            self.faults.append(what)


class LogError(ValueError):
    """A path that cannot be opened at all: one line naming it and the remedy."""


def events(path: Path, needed: frozenset[int] | None = NEEDED_IDS) -> Iterator[tuple[Log, Iterator[Event]]]:
    """Every log in a file or folder with its events, one log after the other; links inside folders are not followed.

    A fault in one log is counted in its `Log` and never raised; a log must be read to its end before the next.

    Args:
        path: a file or folder.
        needed: the Windows event numbers worth decoding; None decodes all.

    Raises:
        LogError: nothing is at the path.
    """
    if not path.exists():
        raise LogError(f"{path}: there is no such file or folder: check the name")
    for file in _files(path):
        try:
            with file.open("rb") as stream:
                yield from _open(str(file), stream, needed, depth=0, was_named=file == path)
        except OSError as fault:
            log = Log(str(file))
            log.fault(f"cannot be opened: {fault.strerror or fault}")
            yield log, iter(())


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, followlinks=False):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            if name.lower().endswith(_LOG_ENDINGS) and file.is_file() and not file.is_symlink():
                yield file


def _open(
    name: str, stream: IO[bytes], needed: frozenset[int] | None, depth: int, was_named: bool
) -> Iterator[tuple[Log, Iterator[Event]]]:
    head = stream.read(4_096)
    stream.seek(0)
    if head.startswith(b"\x1f\x8b"):
        yield from _gzip(name, stream, needed, depth, was_named)
    elif head.startswith(b"PK\x03\x04"):
        yield from _zip(name, stream, needed, depth)
    else:
        log = Log(name, _kind(head), was_named=was_named)
        reader: dict[str, Callable[[Log, IO[bytes]], Iterator[Event]]] = {"json": _json, "csv": _csv}
        if log.kind == "evtx":
            yield log, _guarded(log, _evtx(log, stream, needed))
        elif log.kind in reader:
            yield log, _guarded(log, reader[log.kind](log, stream))
        elif was_named or name.lower().endswith(".evtx"):
            log.fault("is empty" if not head else f"is {log.kind}: export it as EVTX, JSON lines or CSV")
            yield log, iter(())
        else:
            log.passed_over = True
            yield log, iter(())


def _guarded(log: Log, found: Iterator[Event]) -> Iterator[Event]:
    """The events, until something breaks; what breaks ends this log and is counted."""
    try:
        yield from found
    except BaseException as fault:
        # A panic in the EVTX parser's Rust is no Exception.
        if not isinstance(fault, _READING_FAULTS) and type(fault).__name__ != "PanicException":
            raise
        log.fault(f"breaks off after record {log.records}: {fault}")


_READING_FAULTS = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, ValueError, csv.Error)


def _kind(head: bytes) -> str:
    if head.startswith(b"ElfFile\x00"):
        return "evtx"
    plain = head[_mark_length(head) :]
    text = plain.decode(_encoding(plain), "replace").lstrip("\ufeff\x00 \t\r\n")
    if text.startswith("{") or (text.startswith("[") and text[1:].lstrip()[:1] in ("{", "]", "")):
        return "json"
    if text.startswith("<"):
        return "XML"
    first = text.splitlines()[0] if text else ""
    if first.startswith("#TYPE"):
        return "csv"
    if "\x00" in first or not any(mark in first for mark in ",;\t"):
        return "not a log this tool knows"
    return "csv"


def _gzip(
    name: str, stream: IO[bytes], needed: frozenset[int] | None, depth: int, was_named: bool
) -> Iterator[tuple[Log, Iterator[Event]]]:
    packed = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
        yield from _unpacked(name, cast("IO[bytes]", unpacked), packed, needed, depth, was_named)


def _zip(
    name: str, stream: IO[bytes], needed: frozenset[int] | None, depth: int
) -> Iterator[tuple[Log, Iterator[Event]]]:
    try:
        archive = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError) as fault:
        log = Log(name, "zip")
        log.fault(f"is a damaged zip archive: {fault}")
        yield log, iter(())
        return
    with archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            if member.is_dir() or member.filename.startswith("__MACOSX/"):
                continue
            shown = f"{name}!{member.filename}"
            try:
                with archive.open(member) as unpacked:
                    yield from _unpacked(shown, unpacked, member.compress_size, needed, depth, False)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError) as fault:
                log = Log(shown)
                log.fault(
                    "needs a password: unpack it first" if "password" in str(fault) else f"cannot be unpacked: {fault}"
                )
                yield log, iter(())


def _unpacked(
    name: str, stream: IO[bytes], packed: int, needed: frozenset[int] | None, depth: int, was_named: bool
) -> Iterator[tuple[Log, Iterator[Event]]]:
    """What is inside one gzip file or zip member, spooled to a temporary file under the caps."""
    if depth >= _DEPTH_LIMIT:
        log = Log(name)
        log.fault(f"is packed more than {_DEPTH_LIMIT} times: unpack it first")
        yield log, iter(())
        return
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as spool:
        cut = ""
        size = 0
        try:
            while chunk := stream.read(1 << 20):
                size += len(chunk)
                if size > UNPACKED_LIMIT_BYTES or (size > RATIO_FREE_BYTES and size > packed * RATIO_LIMIT):
                    log = Log(name)
                    log.fault(f"unpacks to more than {RATIO_LIMIT} times its size: left alone as a likely zip bomb")
                    yield log, iter(())
                    return
                spool.write(chunk)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as fault:
            cut = f"the archive is damaged, only its beginning was read: {fault}"
        spool.seek(0)
        for log, found in _open(name, cast("IO[bytes]", spool), needed, depth + 1, was_named):
            if cut:
                log.fault(cut)
            yield log, found


def _evtx(log: Log, stream: IO[bytes], needed: frozenset[int] | None) -> Iterator[Event]:
    """Records of an EVTX file in their order; damaged chunks and records are counted and the rest is read."""
    import orjson
    from evtx import PyEvtxParser

    if _is_cut(stream):
        log.fault("the file is cut short: its last chunk is not whole")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: log.fault(_evtx_fault(str(message)))
        try:
            parser = PyEvtxParser(stream, number_of_threads=1, indent=False, skip_errors=True)
        except (RuntimeError, OSError) as fault:
            log.fault(f"is a damaged EVTX file: {fault}")
            return
        for record in cast("Iterator[dict[str, str]]", parser.records_json()):
            log.records += 1
            data = record["data"]
            if needed is not None:
                at = data.find('"EventID":') + 10
                number = data[at : data.find(",", at)]
                if number.isdigit() and int(number) not in needed:
                    log.skipped += 1
                    continue
            try:
                event = from_evtx(orjson.loads(data)["Event"])
            except (orjson.JSONDecodeError, KeyError, AttributeError) as fault:
                log.fault(f"record {log.records} cannot be read: {fault}")
                continue
            event.record = log.records
            yield event


def _is_cut(stream: IO[bytes]) -> bool:
    """Whether the file ends inside a chunk; whole ones are 4,096 bytes of head and chunks of 65,536."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return (size - 4_096) % 65_536 != 0


def _evtx_fault(message: str) -> str:
    return f"a damaged chunk or record: {message.splitlines()[0][:160]}"


def _json(log: Log, stream: IO[bytes]) -> Iterator[Event]:
    """One object a line, an array, a reply that wraps one (`{"reply": {"results": {"data": […]}}}`), or a row."""
    head = _beginning(stream)
    encoding = _encoding(head)
    text = head.decode(encoding, "replace").lstrip("\ufeff\x00")
    if encoding == "utf-8" and not text.lstrip().startswith("[") and _is_object_a_line(text):
        yield from _lines(log, stream)
        return
    for raw in _objects(log, _text(stream, encoding)):
        yield from _event(log, raw)


# What stands before the records in a reply that wraps them (XDR, Elasticsearch, Defender, Graph).
_WRAPPED = re.compile(
    r'\s*\{\s*"(?:reply|took|timed_out|results?|Results|value|hits|events|Events|records|Records|data|@odata[^"]*|[Ss]chema|Stats)"\s*:'
)
_RECORDS = re.compile(r'"(?:data|hits|value|[Rr]esults|[Ee]vents|[Rr]ecords)"\s*:\s*\[')


def _start(text: str) -> int:
    """Where the records begin in a wrapped reply; 0 where nothing wraps them."""
    if not _WRAPPED.match(text):
        return 0
    found = _RECORDS.search(text)
    return found.end() if found else 0


def _is_object_a_line(text: str) -> bool:
    import orjson

    if _start(text):
        return False
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and len(text) >= 60_000:
        return True
    try:
        return isinstance(orjson.loads(lines[0]), dict)
    except orjson.JSONDecodeError:
        # A damaged first line among good ones is still a file of lines; a brace alone opens a pretty-printed object.
        return any(map(_is_object, lines[1:6]))


def _is_object(line: str) -> bool:
    return isinstance(_loosely(line.strip()), dict)


def _lines(log: Log, stream: IO[bytes]) -> Iterator[Event]:
    import orjson

    while line := stream.readline(RECORD_LIMIT_BYTES):
        log.records += 1
        if len(line) >= RECORD_LIMIT_BYTES and not line.endswith(b"\n"):
            log.fault(f"line {log.records} is longer than {RECORD_LIMIT_BYTES >> 20} MB")
            while line and not line.endswith(b"\n"):
                line = stream.readline(RECORD_LIMIT_BYTES)
            continue
        if not line.strip(b" \t\r\n\x00\xef\xbb\xbf,"):
            continue
        try:
            raw = orjson.loads(line.strip(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            raw = _loosely(line.decode("utf-8", "replace").strip().strip("\ufeff"))
        if not isinstance(raw, dict):
            log.fault(f"line {log.records} is not a JSON object")
            continue
        event = _mapped(log, raw)
        if event:
            yield event


def _loosely(text: str) -> object:
    """What orjson refuses and Python reads: lone surrogates, NaN, raw control characters; None where that fails too."""
    try:
        return JSONDecoder(strict=False).decode(text.rstrip(","))
    except (JSONDecodeError, RecursionError):
        return None


def _objects(log: Log, reader: IO[str]) -> Iterator[dict[str, object]]:
    """Objects one by one from an array or a row of them, holding no more than one record in memory."""
    decoder = JSONDecoder(strict=False)
    buffer = reader.read(262_144).lstrip("\ufeff\x00")
    at, wanted, has_ended = _start(buffer), 0, False
    while True:
        gap = _GAP.match(buffer, at)
        at = gap.end() if gap else at
        if not has_ended and len(buffer) - at < max(wanted, 65_536):
            chunk = reader.read(262_144)
            has_ended = not chunk
            buffer, at = buffer[at:] + chunk, 0
            continue
        if at >= len(buffer) or buffer[at] in "]}":
            return
        try:
            raw, at = decoder.raw_decode(buffer, at)
            wanted = 0
        except (JSONDecodeError, RecursionError) as fault:
            if not has_ended and len(buffer) - at < RECORD_LIMIT_BYTES:
                wanted = 2 * (len(buffer) - at) + 65_536
                continue
            log.records += 1
            log.fault(f"record {log.records} cannot be read: {fault}")
            following = buffer.find("\n{", at + 1)
            if following < 0:
                return
            at = following + 1
            continue
        if isinstance(raw, dict):
            yield raw
        else:
            log.records += 1
            log.fault(f"record {log.records} is not a JSON object")


_GAP = re.compile(r"[\s,\[\ufeff\x00]*")


def _csv(log: Log, stream: IO[bytes]) -> Iterator[Event]:
    """Rows under a header; the first bytes tell separator and encoding, an unnamed last column is the message."""
    head = _beginning(stream)
    encoding = _encoding(head)
    reader = _text(stream, encoding)
    sample = head.decode(encoding, "replace").lstrip("\ufeff")
    first = sample.splitlines()[0] if sample else ""
    if first.startswith("#TYPE"):
        reader.readline()
        first = sample.splitlines()[1] if sample.count("\n") else ""
    if first.lower().startswith("sep="):
        reader.readline()
        first = sample.splitlines()[1]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(RECORD_LIMIT_BYTES)
    rows = csv.reader(_text_lines(reader), delimiter=separator)
    header = [name.strip().strip('\ufeff"') for name in next(rows, [])]
    if not _is_header(header) and not log.was_named:
        log.passed_over = True
        return
    if not _is_header(header):
        log.fault("has no header of a log this tool knows: export it with its column names")
        return
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as fault:
            log.records += 1
            log.fault(f"row {log.records} cannot be read: {fault}")
            continue
        if not row:
            continue
        named: dict[str, object] = dict(zip(header, row, strict=False))
        if len(row) > len(header):
            named["Message"] = row[len(header)]
        yield from _event(log, named)


def _text(stream: IO[bytes], encoding: str) -> IO[str]:
    return io.TextIOWrapper(cast("IO[bytes]", _Kept(stream)), encoding=encoding, errors="replace", newline="")


def _text_lines(reader: IO[str]) -> Iterator[str]:
    while line := reader.readline(RECORD_LIMIT_BYTES):
        yield line.replace("\x00", "")


class _Kept(io.BufferedIOBase):
    """A binary stream that a text wrapper may drop without closing it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        return self._stream.read(size if size >= 0 else 65_536)

    def read(self, size: int | None = -1) -> bytes:
        return self._stream.read(-1 if size is None else size)


def _is_header(header: list[str]) -> bool:
    from .fields import is_known_name

    return sum(map(is_known_name, header)) >= 2


def _event(log: Log, raw: dict[str, object]) -> Iterator[Event]:
    log.records += 1
    event = _mapped(log, raw)
    if event:
        yield event


def _mapped(log: Log, raw: dict[str, object]) -> Event | None:
    try:
        event = from_mapping(raw)
    except (TypeError, AttributeError, ValueError, RecursionError) as fault:
        log.fault(f"record {log.records} has a shape this tool does not know: {fault}")
        return None
    event.record = log.records
    return event


def _beginning(stream: IO[bytes]) -> bytes:
    """The first bytes after a byte order mark; the stream stands there afterwards."""
    start = _mark_length(stream.read(4))
    stream.seek(start)
    head = stream.read(65_536)
    stream.seek(start)
    return head


def _mark_length(head: bytes) -> int:
    return 3 if head.startswith(b"\xef\xbb\xbf") else 2 if head.startswith((b"\xff\xfe", b"\xfe\xff")) else 0


def _encoding(head: bytes) -> str:
    """UTF-8 or a UTF-16, by where the NULs stand; a byte order mark that contradicts the text is not believed."""
    sample = head[:4_096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if odd > 0.3 * half and odd > 2 * even:
        return "utf-16-le"
    if even > 0.3 * half and even > 2 * odd:
        return "utf-16-be"
    return "utf-8"
