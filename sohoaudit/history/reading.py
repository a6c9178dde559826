"""Builds audits again from the tables, inside the transaction of its caller."""

import ipaddress
import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from .. import document
from ..model import Audit, Finding
from . import forms, tables


def state(db: Connection, scope: str) -> Audit | None:
    """Every device of a scope as it was known last, as one audit with the times and settings of the last one."""
    a, s = tables.audits, tables.states
    last = db.execute(select(a.c.head).where(a.c.scope == scope).order_by(a.c.id.desc()).limit(1)).scalar()
    if last is None:
        return None
    snapshots = db.scalars(select(s.c.snapshot).where(s.c.scope == scope).order_by(s.c.device))
    return audit_of(json.loads(zlib.decompress(last)), forms.bodies(db, snapshots))


def with_first_seen(db: Connection, audit: Audit) -> Audit:
    """The audit with the time each finding was seen first."""
    f = tables.findings
    ids = [finding.id for device in audit.devices for finding in device.findings]
    times = {row.id: row.first_seen for row in db.execute(select(f.c.id, f.c.first_seen).where(f.c.id.in_(ids)))}

    def dated(finding: Finding) -> Finding:
        return replace(finding, first_seen=times.get(finding.id))

    devices = (replace(device, findings=tuple(map(dated, device.findings))) for device in audit.devices)
    return replace(audit, devices=tuple(devices))


def audit_of(head: dict[str, Any], bodies: Iterable[bytes]) -> Audit:
    """The audit of a document's head and its devices, by address."""
    devices = [json.loads(body) for body in bodies]
    devices.sort(key=lambda device: [_by_number(address) for address in device["addresses"][:1]])
    return document.from_document(head | {"devices": devices})


def _by_number(address: str) -> tuple[int, bytes]:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.version, ip.packed
