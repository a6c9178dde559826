"""What became of the runs before: hung, killed or missed ones are noticed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

from sqlalchemy import select, update

from . import tables
from .store import History

# So many runs before this one tell how often it usually runs.
_RUNS_LOOKED_AT = 12
_LATE_AFTER = 1.75


@dataclass(frozen=True, slots=True)
class Run:
    """One run that has begun; `notes` say what became of those before."""

    id: int
    notes: tuple[str, ...]


def begin(history: History, scope: str, now: datetime | None = None) -> Run:
    """Note that a run of the scope has begun; the caller holds its lock, so one without an end runs no longer."""
    r, now = tables.runs, now or datetime.now(UTC)
    with history.opened.writing() as db:
        rows = db.execute(
            select(r.c.id, r.c.started, r.c.ended, r.c.outcome)
            .where(r.c.scope == scope)
            .order_by(r.c.id.desc())
            .limit(_RUNS_LOOKED_AT)
        ).all()
        notes = []
        for row in rows:
            if row.ended is None and row.outcome == "running":
                started = f"{row.started:%Y-%m-%d %H:%M} UTC"
                notes.append(f"the audit begun {started} never ended: it hung, was killed, or the machine stopped")
                db.execute(update(r).where(r.c.id == row.id).values(outcome="broken off"))
        if note := _missed([row.started for row in rows], now):
            notes.append(note)
        key = db.execute(r.insert().values(scope=scope, started=now, outcome="running")).inserted_primary_key
        assert key is not None  # noqa: S101 -- every database here gives it
    return Run(int(key[0]), tuple(notes))


def end(history: History, run: Run, outcome: str) -> None:
    """Note how a run ended, such as "exit 0"."""
    r = tables.runs
    with history.opened.writing() as db:
        db.execute(update(r).where(r.c.id == run.id).values(ended=datetime.now(UTC), outcome=outcome[:64]))


def _missed(starts: list[datetime], now: datetime) -> str:
    """Newest first: where the last three gaps or more were alike and this one is much longer, a run was missed."""
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(starts)]
    if len(gaps) < 3:
        return ""
    usual = median(gaps)
    is_regular = usual > 0 and sum(0.5 * usual < gap < 1.5 * usual for gap in gaps) * 2 > len(gaps)
    waited = (now - starts[0]).total_seconds()
    if not is_regular or usual < 600 or waited < usual * _LATE_AFTER:
        return ""
    return (
        f"no audit since {starts[0]:%Y-%m-%d %H:%M} UTC, though one usually runs every {_span(usual)}: one was missed"
    )


def _span(seconds: float) -> str:
    for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length * 0.9:
            count = max(round(seconds / length), 1)
            return name if count == 1 else f"{count} {name}s"
    return f"{seconds:.0f} seconds"
