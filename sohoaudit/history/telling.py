"""Tells what changed: lines for a terminal and a mail, JSON for programs, a page for people."""

from collections.abc import Iterable
from html import escape
from typing import Any

from ..document import finding_document
from ..model import Audit, Device, printable
from .change import Change, Difference, Kind, What

SCHEMA_VERSION = 1
MAIL_LINES = 10
_LINE_LIMIT = 160


def lines(difference: Difference) -> list[str]:
    """Every change, a line each, what could not be looked at again last."""
    if not difference.changes:
        return [f"nothing changed in {_where(difference.new)} {_since(difference.old)}"]
    count = len([change for change in difference.changes if change.what is not What.UNSEEN])
    head = f"{count or 'no'} change{'' if count == 1 else 's'} in {_where(difference.new)} {_since(difference.old)}"
    return [head, *map(line, difference.changes)]


def mail(changes: Iterable[Change], difference: Difference, more: str) -> list[str]:
    """What a person is woken for, in ten lines that a mail shows well; `more` says where the rest is."""
    told = list(changes)
    if not told:
        return []
    head = f"{len(told)} change{'' if len(told) == 1 else 's'} in {_where(difference.new)} {_since(difference.old)}"
    room = MAIL_LINES - 1
    shown = [line(change) for change in (told if len(told) <= room else told[: room - 1])]
    left = len(told) - len(shown)
    return [head, *shown, *([f"and {left} more: {more}"] if left else [])]


def line(change: Change) -> str:
    """One change: what, how pressing, which finding or kind, which device, and what it is."""
    what = "fixed" if change.what is What.GONE and change.kind is Kind.FINDING else change.what.value
    which = change.finding.id if change.finding else change.kind.value
    where = _device(change.device)
    if change.kind is Kind.FINDING:
        subject = change.subject
        if change.what is What.CHANGED:
            subject += f" ({change.before} -> {change.after})"
    elif change.before and change.after:
        subject = f"{change.before} -> {change.after}"
    else:
        subject = "" if change.kind is Kind.DEVICE else change.subject
    why = f" ({change.why})" if change.why else ""
    text = f"{what:<8}{change.priority or '':<8}{which:<16}{where}" + (f": {subject}" if subject else "") + why
    flat = " ".join(printable(text).split("\n"))
    return flat if len(flat) <= _LINE_LIMIT else flat[: _LINE_LIMIT - 1] + "…"


def to_document(difference: Difference) -> dict[str, Any]:
    """The difference as JSON values."""
    counts = dict.fromkeys((what.value for what in What), 0)
    for change in difference.changes:
        counts[change.what.value] += 1
    return {
        "schema_version": SCHEMA_VERSION,
        "old": _head(difference.old),
        "new": _head(difference.new),
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
        "why": change.why,
        "notable": change.is_notable,
        "finding": finding_document(change.finding) if change.finding else None,
    }


def page(difference: Difference) -> str:
    """The difference as one HTML file: no script, no request, every text escaped."""
    rows = "".join(_row(change) for change in difference.changes)
    empty = "<p>Nothing changed.</p>"
    table = f"<table><thead><tr>{_HEADINGS}</tr></thead><tbody>{rows}</tbody></table>" if rows else empty
    return _PAGE.format(
        where=_shown(_where(difference.new)), old=_time(difference.old), new=_time(difference.new), table=table
    )


_HEADINGS = "".join(f'<th scope="col">{word}</th>' for word in ("What", "Priority", "Device", "Before", "Now", "Why"))
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What changed in {where}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b;
  background: #fff }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: start; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ccc;
  overflow-wrap: anywhere }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #161616 }} th, td {{ border-color: #555 }} }}
</style></head><body><main>
<h1>What changed in {where}</h1>
<p>Between the audits of {old} and {new}. “Fixed” and “gone” are said only where it was looked at again.</p>
{table}
</main></body></html>
"""


def _row(change: Change) -> str:
    what = "fixed" if change.what is What.GONE and change.kind is Kind.FINDING else change.what.value
    subject = change.finding.title if change.finding else change.kind.value
    values = (change.priority or "", _device(change.device), change.before, change.after, change.why)
    cells = (f"{what}: {subject}", *values)
    return "<tr>" + "".join(f"<td>{_shown(str(cell))}</td>" for cell in cells) + "</tr>\n"


def _shown(text: str) -> str:
    safe = printable(text)
    return f"<bdi>{escape(safe if len(safe) <= 2_048 else safe[:2_048] + '…')}</bdi>"


def _device(device: Device) -> str:
    name = (device.identity.name if device.identity else "") or device.hostname or ""
    address = device.addresses[0] if device.addresses else device.id
    return f"{address} ({name})" if name else address


def _head(audit: Audit) -> dict[str, Any]:
    return {
        "targets": list(audit.scope.targets),
        "vantage": audit.scope.vantage.value,
        "started": audit.started.isoformat(),
        "ended": audit.ended.isoformat(),
        "complete": audit.is_complete,
    }


def _where(audit: Audit) -> str:
    return ", ".join(audit.scope.targets) or ", ".join(str(network) for network in audit.scope.networks)


def _time(audit: Audit) -> str:
    return f"{audit.started:%Y-%m-%d %H:%M} {audit.started.tzname() or 'UTC'}"


def _since(audit: Audit) -> str:
    return f"since {_time(audit)}"
