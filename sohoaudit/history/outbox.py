"""Notices that wait to be sent: each once a change and channel, kept until the network is there again."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from . import tables
from .store import History

# Older news is in the history; nobody wants it by the dozen when the network comes back.
_KEPT_DAYS = 14


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice that was not sent yet; `channel` is the hash of the address it goes to."""

    id: int
    channel: str
    title: str
    body: str
    attempts: int


def channel_of(url: str) -> str:
    """A hash that tells channels apart and never tells the address, which holds secrets."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def put(history: History, scope: str, channel: str, about: str, title: str, body: str) -> bool:
    """Keep a notice for one channel; False where that channel was given the same change before.

    Args:
        history: where it is kept.
        scope: the scope's key.
        channel: from `channel_of`.
        about: what tells this change from any other, such as the number of the audit that saw it.
        title: the subject of a mail.
        body: its text.
    """
    o = tables.outbox
    digest = hashlib.sha256("\0".join((scope, channel, about)).encode()).hexdigest()
    with history.opened.writing() as db:
        if db.scalar(select(o.c.id).where(o.c.digest == digest)) is not None:
            return False
        values = {"scope": scope, "channel": channel, "title": title, "body": body, "created": datetime.now(UTC)}
        db.execute(o.insert().values(digest=digest, sent=None, attempts=0, **values))
    return True


def waiting(history: History, channel: str) -> list[Notice]:
    """What was not sent yet to a channel and is still news, oldest first."""
    o, oldest = tables.outbox, datetime.now(UTC) - timedelta(days=_KEPT_DAYS)
    with history.opened.reading() as db:
        rows = db.execute(
            select(o.c.id, o.c.channel, o.c.title, o.c.body, o.c.attempts)
            .where(o.c.channel == channel, o.c.sent.is_(None), o.c.created > oldest)
            .order_by(o.c.id)
        ).mappings()
        return [Notice(**row) for row in rows]


def claim(history: History, notice: Notice) -> bool:
    """Mark it as sent before it is, so that no kill and no second run sends it twice; False where another did."""
    o = tables.outbox
    with history.opened.writing() as db:
        marked = update(o).where(o.c.id == notice.id, o.c.sent.is_(None)).values(sent=datetime.now(UTC))
        return db.execute(marked).rowcount == 1


def give_back(history: History, notice: Notice) -> None:
    """It could not be sent: keep it for the next run."""
    o = tables.outbox
    with history.opened.writing() as db:
        db.execute(update(o).where(o.c.id == notice.id).values(sent=None, attempts=notice.attempts + 1))
