"""Writes one audit into the tables, inside the transaction of its caller."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from .. import document
from ..model import Audit, Certainty
from . import forms, tables
from .change import Difference, What, carried
from .recognise import Known, Recognised, keys_of, name_of, recognise, renamed, slot


def settled(db: Connection, audit: Audit, site: str) -> tuple[Audit, dict[str, Recognised]]:
    """The audit under lasting ids, and how each device was recognised, strangers included."""
    d, k, f = tables.devices, tables.device_keys, tables.findings
    keys: dict[str, set[str]] = {}
    for device, key in db.execute(select(k.c.device, k.c.key).join(d, d.c.id == k.c.device).where(d.c.site == site)):
        keys.setdefault(device, set()).add(key)
    rows = db.execute(select(d.c.id, d.c.name, d.c.vendor, d.c.addresses).where(d.c.site == site))
    known = [
        Known(r.id, frozenset(keys.get(r.id, ())), tuple(json.loads(r.addresses)), r.name.lower(), r.vendor.lower())
        for r in rows
    ]
    present = [finding.id for device in audit.devices for finding in device.findings]
    taken = {row.id: row.device for row in db.execute(select(f.c.id, f.c.device).where(f.c.id.in_(present)))}
    ids = set(db.scalars(select(d.c.id)))
    devices, found = [], {}
    for device, recognised in zip(audit.devices, recognise(known, audit.devices), strict=True):
        if recognised is None:
            certainty = Certainty.CERTAIN if keys_of(device) else Certainty.LIKELY
            recognised = Recognised(_fresh(device.id, ids, audit.started), certainty)
        ids.add(recognised.id)
        rows = db.execute(select(f.c.slot, f.c.id).where(f.c.device == recognised.id))
        slots = {row.slot: row.id for row in rows}
        others = [identifier for identifier, owner in taken.items() if owner != recognised.id]
        devices.append(renamed(device, recognised.id, slots, others))
        found[recognised.id] = recognised
    return replace(audit, devices=tuple(devices)), found


def _fresh(identifier: str, taken: set[str], time: datetime) -> str:
    """The pipeline's id, or another one where a device of before has it: the place is the same, the box is not."""
    while identifier in taken:
        identifier = "dev-" + hashlib.sha256(f"{identifier} {time.isoformat()}".encode()).hexdigest()[:10]
    return identifier


def write_audit(db: Connection, audit: Audit, site: str, scope: str) -> int:
    """The number of the audit's own row."""
    counts = document.summary(audit)
    row = tables.audits.insert().values(
        site=site,
        scope=scope,
        vantage=audit.scope.vantage.value,
        targets=", ".join(audit.scope.targets),
        started=audit.started,
        ended=audit.ended,
        is_complete=audit.is_complete,
        is_demo=audit.is_demo,
        devices=len(audit.devices),
        gaps=len(audit.coverage),
        head=zlib.compress(forms.packed_json(document.head(audit)), 9),
        **counts["priorities"],
    )
    key = db.execute(row).inserted_primary_key
    assert key is not None  # noqa: S101 -- every database here gives it
    return int(key[0])


def write_devices(db: Connection, number: int, audit: Audit, found: Mapping[str, Recognised], site: str) -> None:
    """Keep what each device is, shows and looks like, and that this audit saw it."""
    d, k = tables.devices, tables.device_keys
    seen = audit.ended
    for device in audit.devices:
        name = device.identity.name if name_of(device) and device.identity else ""
        vendor = (device.identity.vendor if device.identity else None) or ""
        addresses, certainty = json.dumps(device.addresses), found[device.id].certainty.value
        row = db.execute(select(d.c.name, d.c.vendor, d.c.last_seen).where(d.c.id == device.id)).one_or_none()
        values = {
            "addresses": addresses,
            "certainty": certainty,
            "last_seen": max(seen, row.last_seen) if row else seen,
        }
        if row:
            db.execute(
                update(d)
                .where(d.c.id == device.id)
                .values(name=name or row.name, vendor=vendor or row.vendor, **values)
            )
        else:
            db.execute(
                d.insert().values(id=device.id, site=site, name=name, vendor=vendor, first_seen=audit.started, **values)
            )
        had = set(db.scalars(select(k.c.key).where(k.c.device == device.id)))
        if fresh := keys_of(device) - had:
            db.execute(k.insert(), [{"device": device.id, "key": key} for key in sorted(fresh)])
        snapshot = forms.keep_device(db, device)
        values = {"audit": number, "device": device.id, "snapshot": snapshot, "certainty": certainty}
        db.execute(tables.sightings.insert().values(**values))


def write_findings(db: Connection, audit: Audit, difference: Difference, scope: str) -> None:
    """Note each finding as seen now, and as fixed where its place was looked at again and it was not there."""
    f = tables.findings
    for device in audit.devices:
        rows = {row.id: row for row in db.execute(select(f).where(f.c.device == device.id))}
        for finding in device.findings:
            known = rows.get(finding.id)
            values: dict[str, Any] = {"priority": finding.priority.value, "title": finding.title, "slot": slot(finding)}
            if known is None:
                times = {"first_seen": audit.started, "last_seen": audit.ended}
                db.execute(f.insert().values(id=finding.id, device=device.id, rule=finding.rule, **times, **values))
                continue
            values["last_seen"] = max(audit.ended, known.last_seen)
            if known.fixed is not None:
                values |= {"fixed": None, "came_back": audit.started}
            db.execute(update(f).where(f.c.id == finding.id).values(**values))
    for change in difference.changes:
        gone = change.finding if change.what is What.GONE else None
        if gone and not _is_known_elsewhere(db, change.device.id, gone.id, scope):
            db.execute(update(f).where(f.c.id == gone.id).values(fixed=audit.ended))


def _is_known_elsewhere(db: Connection, device: str, finding: str, scope: str) -> bool:
    """Whether another scope, such as the view from outside, still knows the finding as open."""
    s = tables.states
    others = db.scalars(select(s.c.snapshot).where(s.c.device == device, s.c.scope != scope))
    return any(finding == each["id"] for body in forms.bodies(db, others) for each in json.loads(body)["findings"])


def write_states(db: Connection, number: int, scope: str, before: Audit | None, audit: Audit) -> None:
    """Keep what is known of each device from this scope, with what could not be looked at again."""
    s = tables.states
    known = {device.id: device for device in before.devices} if before else {}
    for device in audit.devices:
        state = carried(before, known[device.id], audit, device) if before and device.id in known else device
        values = {"snapshot": forms.keep_device(db, state), "audit": number}
        if device.id in known:
            db.execute(update(s).where(s.c.scope == scope, s.c.device == device.id).values(**values))
        else:
            db.execute(s.insert().values(scope=scope, device=device.id, **values))


def strike(db: Connection, device: str, finding: str) -> None:
    """Take one finding out of what is known of its device."""
    s = tables.states
    for scope, snapshot in db.execute(select(s.c.scope, s.c.snapshot).where(s.c.device == device)).all():
        (body,) = forms.bodies(db, [snapshot])
        content = json.loads(body)
        content["findings"] = [each for each in content["findings"] if each["id"] != finding]
        values = {"snapshot": forms.keep(db, device, forms.packed_json(content))}
        db.execute(update(s).where(s.c.scope == scope, s.c.device == device).values(**values))
