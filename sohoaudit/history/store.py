"""The history itself: keeps audits, tells what is known, and forgets what is asked to be forgotten."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, delete, func, select, text, update

from ..model import Audit, Device, Scope
from . import HistoryError, forms, reading, tables, writing
from .change import Difference, compare
from .lock import scope_key
from .opening import STEPS, Opened


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit of the list: its number, when and what, and its counts; `priorities` by name, most pressing first."""

    id: int
    site: str
    scope: str
    targets: str
    vantage: str
    started: datetime
    ended: datetime
    is_complete: bool
    priorities: Mapping[str, int]
    devices: int
    gaps: int


@dataclass(frozen=True, slots=True)
class Past:
    """What the history knows of one finding; `fixed` and `came_back` are the last time it did."""

    id: str
    device: str
    rule: str
    priority: str
    title: str
    first_seen: datetime
    last_seen: datetime
    fixed: datetime | None
    came_back: datetime | None


@dataclass(frozen=True, slots=True)
class Box:
    """What the history knows of one device: what it is, where it stood last, since when, and how surely it is one."""

    id: str
    site: str
    name: str
    addresses: tuple[str, ...]
    certainty: str
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """An audit as it was kept: its number, itself with lasting ids and `first_seen`, and what changed before it.

    `is_first` says that nothing was known of this scope; `previous` is the number of the audit before.
    `clock_went_back` names the later time of an earlier audit.
    """

    id: int
    audit: Audit
    difference: Difference
    is_first: bool
    previous: int | None = None
    clock_went_back: datetime | None = None


class History:
    """A history that is open; a context manager that closes it."""

    def __init__(self, place: str | Path) -> None:
        """Opens a file or `postgresql://…`; raises HistoryError where it cannot be used."""
        self.opened = Opened(place)
        self.name = self.opened.name

    def __enter__(self) -> Self:
        """The history itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.opened.close()

    def record(self, audit: Audit, site: str = "", scope: Scope | None = None) -> Recorded:
        """Keep an audit, all of it or nothing.

        Devices and findings get their lasting ids; a finding is marked fixed where its place was looked at again and
        it was not there, and as come back where it was fixed before.

        Args:
            audit: as the pipeline made it.
            site: the client, where several have the same addresses.
            scope: what was asked for; the audit's own, to which addresses found on the way were added, where None.

        Raises:
            HistoryError: the database cannot be written.
        """
        key = scope_key(scope or audit.scope, site)
        with self.opened.writing() as db:
            settled, found = writing.settled(db, audit, site)
            before = reading.state(db, key)
            fixed = set(db.scalars(select(tables.findings.c.id).where(tables.findings.c.fixed.is_not(None))))
            difference = compare(before or replace(audit, devices=()), settled, fixed)
            went_back = db.scalar(
                select(func.max(tables.audits.c.started)).where(
                    tables.audits.c.scope == key, tables.audits.c.started > audit.started
                )
            )
            a = tables.audits
            previous = db.scalar(select(func.max(a.c.id)).where(a.c.scope == key))
            number = writing.write_audit(db, settled, site, key)
            writing.write_devices(db, number, settled, found, site)
            writing.write_findings(db, settled, difference, key)
            writing.write_states(db, number, key, before, settled)
            settled = reading.with_first_seen(db, settled)
        told = replace(difference, new=settled)
        return Recorded(number, settled, told, before is None, previous, _moment(went_back))

    def settled(self, audit: Audit, site: str = "") -> Audit:
        """An audit with the lasting ids of its devices and findings, without keeping it."""
        with self.opened.reading() as db:
            return writing.settled(db, audit, site)[0]

    def audits(self, limit: int | None = None, scope: str | None = None) -> list[Entry]:
        """The audits, newest first."""
        a = tables.audits
        columns = [column for column in a.c if column.name != "head"]
        wanted = select(*columns).order_by(a.c.id.desc()).limit(limit)
        with self.opened.reading() as db:
            rows = db.execute(wanted.where(a.c.scope == scope) if scope else wanted).mappings().all()
        return [_entry(dict(row)) for row in rows]

    def audit(self, number: int) -> Audit:
        """One audit as it was, its findings with their `first_seen`; observations are not kept.

        Raises:
            HistoryError: there is none of this number.
        """
        a, s = tables.audits, tables.sightings
        with self.opened.reading() as db:
            head = db.scalar(select(a.c.head).where(a.c.id == number))
            if head is None:
                raise HistoryError(f"{self.name} has no audit {number}: 'sohoaudit history list' names them")
            bodies = forms.bodies(db, db.scalars(select(s.c.snapshot).where(s.c.audit == number).order_by(s.c.device)))
            return reading.with_first_seen(db, reading.audit_of(json.loads(zlib.decompress(head)), bodies))

    def state(self, scope: Scope, site: str = "") -> Audit | None:
        """What is known of a scope now: each device as it was seen last; None where it was never audited."""
        with self.opened.reading() as db:
            return reading.state(db, scope_key(scope, site))

    def states_of(self, device: str) -> list[tuple[str, Audit, Device]]:
        """A device as each scope knows it: the scope's key, the audit that saw it last (without others), itself."""
        s, a = tables.states, tables.audits
        found = []
        with self.opened.reading() as db:
            rows = db.execute(
                select(s.c.scope, s.c.snapshot, a.c.head).join(a, a.c.id == s.c.audit).where(s.c.device == device)
            ).all()
            for scope, snapshot, head in rows:
                content = json.loads(zlib.decompress(head))
                audit = reading.with_first_seen(db, reading.audit_of(content, forms.bodies(db, [snapshot])))
                found.append((scope, audit, audit.devices[0]))
        return found

    def states_beside(self, scope: str) -> Audit:
        """Every device of a scope (its key) as it is known.

        Raises:
            HistoryError: nothing is known of it.
        """
        with self.opened.reading() as db:
            found = reading.state(db, scope)
        if found is None:
            raise HistoryError(f"{self.name} has forgotten that scope: run a scan first")
        return found

    def findings(self, *, device: str | None = None) -> list[Past]:
        """Every finding that is remembered, the open ones first, then by priority and id."""
        f = tables.findings
        columns = [column for column in f.c if column.name != "slot"]
        wanted = select(*columns).where(f.c.device == device) if device else select(*columns)
        with self.opened.reading() as db:
            past = [Past(**row) for row in db.execute(wanted).mappings()]
        order = ("urgent", "high", "medium", "low")
        return sorted(past, key=lambda one: (one.fixed is not None, order.index(one.priority), one.rule, one.id))

    def devices(self) -> list[Box]:
        """Every device that is remembered, by site and id."""
        with self.opened.reading() as db:
            rows = db.execute(select(tables.devices).order_by(tables.devices.c.site, tables.devices.c.id)).mappings()
            return [_box(dict(row)) for row in rows]

    def note_check(self, finding: str, outcome: str, evidence: str) -> None:
        """Keep what `verify` found out; a finding that is fixed is no longer part of what is known of its device."""
        f, now = tables.findings, datetime.now(UTC)
        with self.opened.writing() as db:
            device = db.scalar(select(f.c.device).where(f.c.id == finding))
            if device is None:
                return
            db.execute(tables.checks.insert().values(finding=finding, time=now, outcome=outcome, evidence=evidence))
            if outcome == "fixed":
                db.execute(update(f).where(f.c.id == finding).values(fixed=now))
                writing.strike(db, device, finding)

    def prune(self, *, keep: int | None = None, before: datetime | None = None, is_rehearsal: bool = False) -> int:
        """Forget audits, the oldest first, and how many that are; what is known of devices and findings stays.

        Args:
            keep: how many of the newest audits of each scope to keep.
            before: forget those that started before.
            is_rehearsal: only count.
        """
        a = tables.audits
        with self.opened.writing() as db:
            rows = db.execute(select(a.c.id, a.c.scope, a.c.started).order_by(a.c.id.desc())).all()
            gone, seen = [], dict.fromkeys((row.scope for row in rows), 0)
            needed = set(db.scalars(select(tables.states.c.audit)))
            for row in rows:
                seen[row.scope] += 1
                is_old = before is not None and row.started < before
                if (is_old or (keep is not None and seen[row.scope] > keep)) and row.id not in needed:
                    gone.append(row.id)
            if not is_rehearsal:
                _forget(db, gone)
        if gone and not is_rehearsal:
            self.opened.compact()
        return len(gone)

    def check(self) -> list[str]:
        """What is wrong with the history, a line a fault; reads every row."""
        faults = []
        with self.opened.reading() as db:
            if self.opened.is_file:
                told = list(db.scalars(text("PRAGMA integrity_check")))
                faults += [f"the file is damaged: {line}" for line in told if line != "ok"]
                faults += [f"a row of {row[0]} points nowhere" for row in db.execute(text("PRAGMA foreign_key_check"))]
            for row in db.execute(select(tables.snapshots.c.id, tables.snapshots.c.digest)).all():
                try:
                    (body,) = forms.bodies(db, [row.id])
                except (zlib.error, ValueError):
                    faults.append(f"what device snapshot {row.id} says cannot be read")
                    continue
                if forms.digest_of(body) != row.digest:
                    faults.append(f"what device snapshot {row.id} says was altered")
            f = tables.findings
            backwards = db.scalars(select(f.c.id).where(f.c.last_seen < f.c.first_seen))
            faults += [f"{identifier} was seen last before it was seen first" for identifier in backwards]
        return faults

    def size(self) -> dict[str, int]:
        """How much is kept: audits, devices, findings, snapshots, and bytes where it is a file."""
        named = {"audits": tables.audits, "devices": tables.devices, "findings": tables.findings}
        with self.opened.reading() as db:
            counts = {name: db.scalar(select(func.count()).select_from(table)) or 0 for name, table in named.items()}
            counts["snapshots"] = db.scalar(select(func.count()).select_from(tables.snapshots)) or 0
        if self.opened.path:
            path = self.opened.path
            logs = (path, path.with_name(f"{path.name}-wal"))
            counts["bytes"] = sum(file.stat().st_size for file in logs if file.exists())
        return counts

    @property
    def step(self) -> str:
        """The step of the tables' form."""
        return STEPS[-1]


def _forget(db: Connection, audits: Sequence[int]) -> None:
    a, s, g, t = tables.audits, tables.snapshots, tables.sightings, tables.states
    for start in range(0, len(audits), 500):
        some = audits[start : start + 500]
        db.execute(delete(g).where(g.c.audit.in_(some)))
        db.execute(delete(a).where(a.c.id.in_(some)))
    base = s.alias()
    used = select(g.c.snapshot).union(select(t.c.snapshot))
    db.execute(delete(s).where(s.c.id.not_in(used), s.c.base.is_not(None)))
    needed = select(base.c.base).where(base.c.base.is_not(None))
    db.execute(delete(s).where(s.c.id.not_in(used), s.c.id.not_in(needed)))


def _box(row: Mapping[str, Any]) -> Box:
    named = {key: value for key, value in row.items() if key != "vendor"}
    return Box(**named | {"addresses": tuple(json.loads(row["addresses"])), "name": row["name"] or row["vendor"]})


def _entry(row: Mapping[str, Any]) -> Entry:
    names = ("id", "site", "scope", "targets", "vantage", "started", "ended", "is_complete", "devices", "gaps")
    counts = {name: row[name] for name in ("urgent", "high", "medium", "low")}
    return Entry(**{name: row[name] for name in names}, priorities=counts)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
