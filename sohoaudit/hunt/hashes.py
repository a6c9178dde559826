"""Compares the files on a disk with lists of SHA-256: reads only, follows no link, stays on one file system."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..knowledge.hunts import words
from ..model import printable
from .rules import listed_hashes, load

_BLOCK_BYTES = 1 << 18
_THREADS = 2
_PENDING = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A file whose SHA-256 is on a list, and which list."""

    path: str
    sha256: str
    source: str
    size: int


@dataclass(slots=True)
class Scan:
    """One look through some folders, and what it could not read."""

    wanted: dict[str, str]
    limit_bytes: int | None = None
    enters_other_file_systems: bool = False
    files: int = 0
    bytes: int = 0
    too_large: int = 0
    other_file_systems: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def run(self, paths: Iterable[Path]) -> Iterator[Found]:
        """Every listed file, on two threads, in the order of the folders; never more than a few files in flight."""
        with ThreadPoolExecutor(_THREADS) as pool:
            pending: list[tuple[str, int, Future[str]]] = []
            for name, size in self._files(paths):
                pending.append((name, size, pool.submit(_sha256, name)))
                if len(pending) >= _PENDING:
                    yield from self._judged(*pending.pop(0))
            for waiting in pending:
                yield from self._judged(*waiting)

    def _judged(self, name: str, size: int, future: "Future[str]") -> Iterator[Found]:
        try:
            value = future.result()
        except OSError as fault:
            self._could_not(name, fault)
            return
        self.files += 1
        self.bytes += size
        if value in self.wanted:
            yield Found(name, value, self.wanted[value], size)

    def _files(self, paths: Iterable[Path]) -> Iterator[tuple[str, int]]:
        for path in paths:
            try:
                top = path.lstat()
            except OSError as fault:
                self._could_not(str(path), fault)
                continue
            if stat.S_ISDIR(top.st_mode):
                yield from self._below(str(path), top.st_dev)
            elif stat.S_ISREG(top.st_mode):
                yield from self._within_limit(str(path), top.st_size)

    def _below(self, folder: str, device: int) -> Iterator[tuple[str, int]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as fault:
            self._could_not(folder, fault)
            return
        for entry in entries:
            try:
                if entry.is_symlink() or entry.is_junction() if hasattr(entry, "is_junction") else entry.is_symlink():
                    continue
                told = entry.stat(follow_symlinks=False)
            except OSError as fault:
                self._could_not(entry.path, fault)
                continue
            if stat.S_ISDIR(told.st_mode):
                if told.st_dev != device and not self.enters_other_file_systems and told.st_dev:
                    self.other_file_systems.append(entry.path)
                    continue
                yield from self._below(entry.path, device)
            elif stat.S_ISREG(told.st_mode):
                yield from self._within_limit(entry.path, told.st_size)

    def _within_limit(self, name: str, size: int) -> Iterator[tuple[str, int]]:
        if self.limit_bytes is not None and size > self.limit_bytes:
            self.too_large += 1
        else:
            yield name, size

    def _could_not(self, name: str, fault: OSError) -> None:
        self.unread.append(f"{name}: {fault.strerror or fault}")


def wanted(lists: Iterable[Path]) -> dict[str, str]:
    """Every SHA-256 to look for, and where it comes from: the brief's 29, then a user's own.

    Raises:
        RuleError: a list cannot be read or holds none.
    """
    known: dict[str, str] = {}
    for rule in load(("volt",)).rules:
        for value in rule.hashes or ():
            known.setdefault(value, str((rule.sigma.references or ["the brief"])[0]))
    for path in lists:
        for value in listed_hashes(path):
            known.setdefault(value, str(path))
    return known


def text(found: Iterable[Found], scan: Scan, language: str) -> str:
    """The result in lines for a person."""
    told = words(language)
    lines: list[str] = []
    for each in found:
        lines += [f"URGENT  {told('hunts.ioc-found.title')}", f"  {printable(each.path)}", f"  SHA-256 {each.sha256}"]
        lines += [f"  {each.source}", ""]
    if lines:
        lines += [f"  {step}" for step in told.steps("ioc-found")] + [""]
    lines.append(
        told("hashes.looked", files=f"{scan.files:,}", megabytes=f"{scan.bytes / 1e6:,.0f}", listed=len(scan.wanted))
    )
    lines += [f"  {told('hashes.unread', what=printable(name))}" for name in scan.unread[:20]]
    if len(scan.unread) > 20:
        lines.append(f"  {told('finding.more', count=f'{len(scan.unread) - 20:,}')}")
    if scan.too_large:
        lines.append(f"  {told('hashes.too_large', count=f'{scan.too_large:,}')}")
    lines += [f"  {told('hashes.other', folder=printable(name))}" for name in scan.other_file_systems[:20]]
    return "\n".join(lines)


def json_text(found: Iterable[Found], scan: Scan) -> str:
    """The result as JSON: hits and coverage, as in `hunt run`."""
    hits = [
        {"hunt": "ioc-found", "grade": "exact", "file": printable(each.path), "sha256": each.sha256,
         "list": each.source, "size": each.size, "priority": "urgent"}
        for each in found
    ]  # fmt: skip
    coverage = {
        "complete": not scan.unread, "files": scan.files, "bytes": scan.bytes, "listed": len(scan.wanted),
        "too_large": scan.too_large, "other_file_systems": [printable(name) for name in scan.other_file_systems],
        "unread": [printable(name) for name in scan.unread],
    }  # fmt: skip
    return json.dumps({"hits": hits, "coverage": coverage}, ensure_ascii=False, indent=2)


def _sha256(name: str) -> str:
    # O_NOFOLLOW and O_NONBLOCK: a file swapped for a link or a pipe after it was listed must not lead astray or hang.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(name, flags)
    digest = hashlib.sha256()
    try:
        buffer = bytearray(_BLOCK_BYTES)
        view = memoryview(buffer)
        with os.fdopen(handle, "rb", buffering=0) as stream:
            while count := stream.readinto(buffer):
                digest.update(view[:count])
    except BlockingIOError as fault:
        raise OSError(str(fault)) from None
    return digest.hexdigest()
