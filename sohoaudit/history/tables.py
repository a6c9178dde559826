"""The tables of the history, as SQLAlchemy sees them; `migrations/` builds them step by step."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)


class Moment(TypeDecorator[datetime]):
    """A time as ISO 8601 in UTC, microseconds always written, so that texts sort like times on every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text of a time that knows its zone."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The time of a text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()

# One row an audit; `head` is its document without the devices (JSON, zlib). The counts are those of `history list`.
audits = Table(
    "audits",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("site", String(200), nullable=False),
    Column("scope", Text, nullable=False),
    Column("vantage", String(16), nullable=False),
    Column("targets", Text, nullable=False),
    Column("started", Moment, nullable=False),
    Column("ended", Moment, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("urgent", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("medium", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("devices", Integer, nullable=False),
    Column("gaps", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("audits_by_scope", audits.c.scope, audits.c.id)

# One row a box, for as long as anything of it is remembered.
devices = Table(
    "devices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("site", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("addresses", Text, nullable=False),
    Column("certainty", String(16), nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)
Index("devices_by_site", devices.c.site)

device_keys = Table(
    "device_keys",
    metadata,
    Column("device", String(32), ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
)

# What a device looked like, kept once however often it was seen; `base` is the form that `body` is packed against.
snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("device", String(32), ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    Column("base", Integer, ForeignKey("snapshots.id"), nullable=True),
    Column("body", LargeBinary, nullable=False),
)
Index("snapshots_by_digest", snapshots.c.device, snapshots.c.digest)
Index("snapshots_by_base", snapshots.c.base)

# Which audit saw which device, as what, and how surely it is that device.
sightings = Table(
    "sightings",
    metadata,
    Column("audit", Integer, ForeignKey("audits.id", ondelete="CASCADE"), primary_key=True),
    Column("device", String(32), ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("snapshot", Integer, ForeignKey("snapshots.id"), nullable=False),
    Column("certainty", String(16), nullable=False),
)
Index("sightings_by_snapshot", sightings.c.snapshot)

# What is known of a device from one scope, with what the last audits could not look at again carried over.
states = Table(
    "states",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("device", String(32), ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("snapshot", Integer, ForeignKey("snapshots.id"), nullable=False),
    Column("audit", Integer, nullable=False),
)
Index("states_by_device", states.c.device)
Index("states_by_snapshot", states.c.snapshot)

findings = Table(
    "findings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("device", String(32), ForeignKey("devices.id", ondelete="CASCADE"), nullable=False),
    Column("slot", String(200), nullable=False),
    Column("rule", String(100), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
    Column("fixed", Moment, nullable=True),
    Column("came_back", Moment, nullable=True),
)
Index("findings_by_device", findings.c.device)

# A run that was begun; one that never ended was killed or hung.
runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("scope", String(64), nullable=False),
    Column("started", Moment, nullable=False),
    Column("ended", Moment, nullable=True),
    Column("outcome", String(64), nullable=False),
)
Index("runs_by_scope", runs.c.scope, runs.c.id)

# What `verify` found out about one finding.
checks = Table(
    "checks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("finding", String(32), ForeignKey("findings.id", ondelete="CASCADE"), nullable=False),
    Column("time", Moment, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("evidence", Text, nullable=False),
)

# Notices: each at most once by its digest; `channel` is a hash of the address it goes to, never the address.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scope", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("sent", Moment, nullable=True),
    Column("attempts", Integer, nullable=False),
)
