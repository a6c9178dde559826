"""Reads one entry of knowledge field by field, and keeps every fault with the line it stands on."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources.abc import Traversable

from . import shipped
from .text_yaml import KnowledgeError, Listing, Mapping, load


@dataclass(slots=True)
class Entry:
    """One mapping of a knowledge file; what was asked for is what it may hold."""

    where: str
    values: Mapping
    faults: list[KnowledgeError]
    asked: set[str] = field(default_factory=set)

    def text(self, key: str, is_required: bool = False) -> str | None:
        """The text of a field, or None where it is absent."""
        self.asked.add(key)
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            if is_required and not value:
                self.fault(None, f"{key!r} is missing: add it")
            return value or None
        self.fault(key, f"{key!r} must be one text")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a field; a single one counts as a list of one."""
        self.asked.add(key)
        value = self.values.get(key)
        if isinstance(value, str):
            return (value,)
        if isinstance(value, Listing) and all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
        if value is not None:
            self.fault(key, f"{key!r} must be a list of texts")
        return ()

    def day(self, key: str) -> date | None:
        """A date written 2026-01-31."""
        text = self.text(key)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.fault(key, f"{text!r} is no date: write it like 2026-01-31")
            return None

    def one_of(self, key: str, choices: Collection[str], otherwise: str = "") -> str:
        """A word out of a few; the first fitting one is suggested where it is none of them."""
        text = self.text(key)
        if text is None or text in choices:
            return text or otherwise
        self.fault(key, f"{text!r} is not {key}{_meant(text, choices)}: one of {', '.join(choices)}")
        return otherwise

    def entries(self, key: str) -> list["Entry"]:
        """The mappings listed in a field."""
        self.asked.add(key)
        value = self.values.get(key, Listing())
        if not isinstance(value, Listing) or not all(isinstance(item, Mapping) for item in value):
            self.fault(key, f"{key!r} must be a list of entries")
            return []
        return [Entry(self.where, item, self.faults) for item in value if isinstance(item, Mapping)]

    def entry(self, key: str) -> "Entry | None":
        """The mapping in a field, or None where it is absent."""
        self.asked.add(key)
        value = self.values.get(key)
        if isinstance(value, Mapping):
            return Entry(self.where, value, self.faults)
        if value is not None:
            self.fault(key, f"{key!r} must be an entry with fields")
        return None

    def done(self) -> None:
        """Call when every field was asked for: what is left over is a fault."""
        for key in self.values:
            if key not in self.asked:
                self.fault(key, f"{key!r} is not a field{_meant(key, self.asked)}")

    def fault(self, key: str | None, what: str) -> None:
        """Note a fault at a field's line, or at the entry's own."""
        line = self.values.key_lines.get(key, self.values.line) if key else self.values.line
        self.faults.append(KnowledgeError(self.where, line, what))


def root_of(folder: str, file: str, faults: list[KnowledgeError]) -> Entry | None:
    """The root of one shipped file such as `lifecycle/dlink.yaml`, or None where there is no such file.

    A file that is not YAML, or no mapping, becomes a fault.
    """
    place = _place(folder, file)
    where = f"fingerprints/{folder}/{file}" if folder else f"fingerprints/{file}"
    if not place.is_file():
        return None
    try:
        root = load(place.read_text(encoding="utf-8"), where).root
    except KnowledgeError as fault:
        faults.append(fault)
        return None
    if isinstance(root, Mapping):
        return Entry(where, root, faults)
    faults.append(KnowledgeError(where, 1, "the file must hold fields, not a list or a text"))
    return None


@cache
def files_in(folder: str) -> tuple[str, ...]:
    """The names of the YAML files in one folder of `fingerprints/`, in order."""
    place = shipped("fingerprints") / folder
    names = [entry.name for entry in place.iterdir()] if place.is_dir() else []
    return tuple(sorted(name for name in names if name.endswith(".yaml")))


def _place(folder: str, file: str) -> Traversable:
    place = shipped("fingerprints")
    return place / folder / file if folder else place / file


def _meant(text: str, choices: Collection[str]) -> str:
    close = difflib.get_close_matches(text, choices, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
