"""Tells what changed: lines for a terminal and a mail, rows for a page, JSON for programs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...document import finding_document
from ...history.change import Change, Difference, Kind, What
from ...model import Audit, Device, Exposure, Priority, printable
from . import digest
from .widths import padded
from .words import Words

SCHEMA_VERSION = 1
MAIL_LINES = 10
_LINE_LIMIT = 160
_WHERE_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One change in words: what happened to what kind of thing, what stood there before and after, and why not seen."""

    what: str
    kind: str
    subject: str
    priority: Priority | None
    device: Device
    before: str
    after: str
    why: str


def lines(difference: Difference, t: Words) -> list[str]:
    """Every change, a line each, what could not be looked at again last."""
    if not difference.changes:
        return [t("changes.nothing_in", where=where(difference.new), time=_time(difference.old))]
    count = len([change for change in difference.changes if change.what is not What.UNSEEN])
    return [_head(count, difference, t), *(line(change, t) for change in difference.changes)]


def mail(changes: Iterable[Change], difference: Difference, more: str, t: Words) -> list[str]:
    """What a person is woken for, in ten lines that a mail shows well; `more` is the command that tells the rest."""
    told = list(changes)
    if not told:
        return []
    room = MAIL_LINES - 1
    shown = [line(change, t) for change in (told if len(told) <= room else told[: room - 1])]
    left = len(told) - len(shown)
    rest = [t("changes.more", count=left, command=more)] if left else []
    return [_head(len(told), difference, t), *shown, *rest]


def first(audit: Audit, number: int, t: Words) -> str:
    """The first audit of a scope in one line, with its number in the history."""
    counts = t("page.comma").join(
        f"{count} {t(f'priority.{priority}').lower()}"
        for priority in Priority
        if (count := sum(finding.priority is priority for _, finding in audit.findings))
    )
    devices = t("map.all", count=len(audit.devices))
    command = f"sohoaudit history show {number}"
    found = counts or t("changes.no_finding")
    return t("changes.first", where=where(audit), devices=devices, findings=found, command=command)


def line(change: Change, t: Words) -> str:
    """One change: what, how pressing, which finding or kind, which device, and what it is."""
    row = told(change, t)
    priority = t(f"priority.{change.priority}").lower() if change.priority else ""
    which = change.finding.id if change.finding else row.kind
    subject = row.subject
    if change.kind is not Kind.FINDING:
        subject = f"{row.before} -> {row.after}" if row.before and row.after else row.before or row.after
        subject = "" if change.kind is Kind.DEVICE and not (row.before and row.after) else subject
    elif change.what is What.CHANGED:
        subject += f" ({row.before} -> {row.after})"
    colon = t("page.colon") if subject else ""
    why = f" ({row.why})" if row.why else ""
    text = f"{padded(row.what, 8)}{padded(priority, 8)}{padded(which, 16)}{_device(change.device)}{colon}{subject}{why}"
    return _cut(text, _LINE_LIMIT)


def where(audit: Audit) -> str:
    """What was audited, as the user named it, on one line."""
    return _cut(", ".join(audit.scope.targets) or ", ".join(map(str, audit.scope.networks)), _WHERE_LIMIT)


def told(change: Change, t: Words) -> Row:
    """One change in the words of a language."""
    is_fixed = change.what is What.GONE and change.kind is Kind.FINDING
    kind = t(f"changes.kind_{change.kind}")
    before, after = _sides(change, t)
    return Row(
        what=t("changes.fixed" if is_fixed else f"changes.{change.what}"),
        kind=kind,
        subject=change.finding.title if change.finding else kind,
        priority=change.priority,
        device=change.device,
        before=before,
        after=after,
        why=change.why.told(t.language) if change.why else "",
    )


def to_document(difference: Difference) -> dict[str, Any]:
    """The difference as JSON values; of its own words `why` is English, with `why_code` for other languages."""
    counts = dict.fromkeys((what.value for what in What), 0)
    for change in difference.changes:
        counts[change.what.value] += 1
    return {
        "schema_version": SCHEMA_VERSION,
        "old": _audit_document(difference.old),
        "new": _audit_document(difference.new),
        "summary": counts | {"notable": len(difference.notable)},
        "changes": [change_document(change) for change in difference.changes],
    }


def change_document(change: Change) -> dict[str, Any]:
    """One entry of `changes`."""
    endpoint = change.endpoint
    identity = change.device.identity
    return {
        "what": change.what.value,
        "kind": change.kind.value,
        "priority": change.priority.value if change.priority else None,
        "device": {
            "id": change.device.id,
            "name": identity.name if identity else "",
            "addresses": list(change.device.addresses),
        },
        "endpoint": None
        if endpoint is None
        else {"address": endpoint.address, "transport": endpoint.transport.value, "port": endpoint.port},
        "before": change.before,
        "after": change.after,
        "why": str(change.why or ""),
        "why_code": change.why.code if change.why else None,
        "notable": change.is_notable,
        "finding": finding_document(change.finding) if change.finding else None,
    }


def _sides(change: Change, t: Words) -> tuple[str, str]:
    """What stood there before and after, in the words of a language."""
    before, after = change.before, change.after
    if change.door:
        way = _way(change, t)
        return (way if before else ""), (way if after else "")
    if change.kind is Kind.FINDING:
        return _weight(before, t), _weight(after, t)
    if change.kind is Kind.DEVICE:
        if not (before and after):
            name = digest.name(change.device, t)
            return (name if before else ""), (name if after else "")
        return (t("device.unknown") if before == "not recognised" else before), after
    return before, after


def _cut(text: str, limit: int) -> str:
    flat = " ".join(printable(text).split("\n"))
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _weight(text: str, t: Words) -> str:
    """A priority and perhaps CVEs, as `change` writes them: "urgent (CVE-2026-1234)"."""
    priority, space, cves = text.partition(" ")
    return t(f"priority.{priority}").lower() + space + cves if priority else ""


def _way(change: Change, t: Words) -> str:
    door = change.door
    assert door is not None  # noqa: S101 -- the caller asked
    way = t("changes.way", protocol=door.protocol, endpoint=str(door.endpoint))
    if isinstance(door, Exposure):
        leads = f" -> {door.internal}" if door.internal else ""
        return f"{way}{leads} ({t(f'evidence.{door.evidence}')})"
    product = " ".join(part for part in (door.product, door.version) if part)
    return f"{way} ({product})" if product else way


def _device(device: Device) -> str:
    name = (device.identity.name if device.identity else "") or device.hostname or ""
    address = device.addresses[0] if device.addresses else device.id
    return f"{address} ({name})" if name else address


def _head(count: int, difference: Difference, t: Words) -> str:
    key = "changes.head" if count else "changes.head_none"
    return t(key, count=count, where=where(difference.new), time=_time(difference.old))


def _audit_document(audit: Audit) -> dict[str, Any]:
    return {
        "targets": list(audit.scope.targets),
        "vantage": audit.scope.vantage.value,
        "started": audit.started.isoformat(),
        "ended": audit.ended.isoformat(),
        "complete": audit.is_complete,
    }


def _time(audit: Audit) -> str:
    return f"{audit.started:%Y-%m-%d %H:%M} {audit.started.tzname() or 'UTC'}"
