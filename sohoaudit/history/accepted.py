"""Risks that somebody accepted for a time: a YAML file beside the history that people can review and commit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ..knowledge import text_yaml
from ..model import Acceptance, Audit, Finding, Priority, printable
from ..places import give_to_caller, make_private
from . import HistoryError

NAME = "accepted.yaml"
_HEAD = """# Risks that somebody accepted for a time. sohoaudit reads this file; people may review, edit and commit it.
# An entry counts until its day is over; then the finding is told again.
accepted:
"""
_KEYS = ("finding", "title", "until", "because", "by", "on")
_NEEDED = ("finding", "until", "because", "by")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One risk: the finding, the last day it is accepted for, why, and by whom; `on` is the day it was written."""

    finding: str
    until: date
    because: str
    by: str
    title: str = ""
    on: str = ""

    def counts(self, today: date) -> bool:
        """Whether its last day is not over."""
        return today <= self.until


def read(path: Path) -> tuple[Accepted, ...]:
    """Every entry of the file, expired ones too; none where there is no file.

    Raises:
        HistoryError: it cannot be read, or an entry lacks something; the line is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as fault:
        raise HistoryError(f"{path} cannot be read ({fault}): check its permissions, or mend it") from None
    try:
        root = text_yaml.load(text, str(path)).root
        listing = root.get("accepted") if isinstance(root, text_yaml.Mapping) else None
        if listing == "":
            return ()
        if not isinstance(listing, text_yaml.Listing):
            raise text_yaml.KnowledgeError(str(path), 1, "a list under 'accepted:' is expected")
        return tuple(_entry(item, str(path)) for item in listing)
    except text_yaml.KnowledgeError as fault:
        raise HistoryError(str(fault)) from None


def add(path: Path, entry: Accepted) -> None:
    """Write one entry at the end; what people wrote before stays as it is.

    Raises:
        HistoryError: the file cannot be read or written.
    """
    import yaml

    before = read(path)
    if any(one.finding == entry.finding and one.until >= entry.until for one in before):
        raise HistoryError(f"{entry.finding} is accepted until then already: see {path}")
    told = {name: str(getattr(entry, name)) for name in _KEYS if getattr(entry, name)}
    lines = yaml.safe_dump([told], sort_keys=False, allow_unicode=True, default_flow_style=False, width=10_000)
    try:
        make_private(path.parent)
        text = path.read_text(encoding="utf-8") if before else _HEAD
        if not text.endswith("\n"):
            text += "\n"
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text + "".join(f"  {line}\n" for line in lines.splitlines()), encoding="utf-8")
        beside.replace(path)
        give_to_caller(path)
    except OSError as fault:
        raise HistoryError(f"{path} cannot be written ({fault.strerror}): check its permissions") from None


def applied(audit: Audit, entries: Iterable[Accepted], today: date) -> Audit:
    """The audit with accepted findings marked and lowered to `low`, so that they wake nobody and stay in the report."""
    known = {entry.finding: entry for entry in entries if entry.counts(today)}
    if not known:
        return audit
    devices = tuple(
        replace(device, findings=tuple(_marked(finding, known.get(finding.id)) for finding in device.findings))
        for device in audit.devices
    )
    return replace(audit, devices=devices)


def _marked(finding: Finding, entry: Accepted | None) -> Finding:
    if entry is None or finding.accepted:
        return finding
    taken = Acceptance(printable(entry.by), entry.until, printable(entry.because), finding.priority)
    return replace(finding, priority=Priority.LOW, accepted=taken)


def _entry(item: text_yaml.Value, where: str) -> Accepted:
    if not isinstance(item, text_yaml.Mapping):
        line = getattr(item, "line", 1)
        raise text_yaml.KnowledgeError(where, line, f"an entry with {', '.join(_NEEDED)} is expected")
    for key in item:
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else f": use {', '.join(_KEYS)}"
            raise text_yaml.KnowledgeError(where, item.key_lines[key], f"{key!r} is not known{hint}")
    for key in _NEEDED:
        if not str(item.get(key, "")).strip():
            raise text_yaml.KnowledgeError(where, item.line, f"this entry has no {key!r}: say it")
    try:
        until = date.fromisoformat(str(item["until"]))
    except ValueError:
        line = item.key_lines["until"]
        raise text_yaml.KnowledgeError(where, line, f"{item['until']!r} is no day: write it as 2027-01-31") from None
    return Accepted(
        str(item["finding"]), until, str(item["because"]), str(item["by"]), str(item.get("title", "")),
        str(item.get("on", "")),
    )  # fmt: skip
