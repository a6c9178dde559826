"""Audits, devices, what they looked like, and findings."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the first tables."""
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        *_required(site=sa.String(200), scope=sa.Text, vantage=sa.String(16), targets=sa.Text),
        *_required(started=sa.String(32), ended=sa.String(32), is_complete=sa.Boolean, is_demo=sa.Boolean),
        *_required(urgent=sa.Integer, high=sa.Integer, medium=sa.Integer, low=sa.Integer),
        *_required(devices=sa.Integer, gaps=sa.Integer, head=sa.LargeBinary),
        sqlite_autoincrement=True,
    )
    op.create_index("audits_by_scope", "audits", ["scope", "id"])
    op.create_table(
        "devices",
        sa.Column("id", sa.String(32), primary_key=True),
        *_required(site=sa.String(200), name=sa.Text, vendor=sa.Text, addresses=sa.Text, certainty=sa.String(16)),
        *_required(first_seen=sa.String(32), last_seen=sa.String(32)),
    )
    op.create_index("devices_by_site", "devices", ["site"])
    op.create_table("device_keys", _of_device(is_key=True), sa.Column("key", sa.Text, primary_key=True))
    op.create_table(
        "snapshots",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        _of_device(),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("base", sa.Integer, sa.ForeignKey("snapshots.id"), nullable=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("snapshots_by_digest", "snapshots", ["device", "digest"])
    op.create_index("snapshots_by_base", "snapshots", ["base"])
    op.create_table(
        "sightings",
        sa.Column("audit", sa.Integer, sa.ForeignKey("audits.id", ondelete="CASCADE"), primary_key=True),
        _of_device(is_key=True),
        sa.Column("snapshot", sa.Integer, sa.ForeignKey("snapshots.id"), nullable=False),
        sa.Column("certainty", sa.String(16), nullable=False),
    )
    op.create_index("sightings_by_snapshot", "sightings", ["snapshot"])
    op.create_table(
        "states",
        sa.Column("scope", sa.String(64), primary_key=True),
        _of_device(is_key=True),
        sa.Column("snapshot", sa.Integer, sa.ForeignKey("snapshots.id"), nullable=False),
        sa.Column("audit", sa.Integer, nullable=False),
    )
    op.create_index("states_by_device", "states", ["device"])
    op.create_index("states_by_snapshot", "states", ["snapshot"])
    op.create_table(
        "findings",
        sa.Column("id", sa.String(32), primary_key=True),
        _of_device(),
        *_required(slot=sa.String(200), rule=sa.String(100), priority=sa.String(16), title=sa.Text),
        *_required(first_seen=sa.String(32), last_seen=sa.String(32)),
        sa.Column("fixed", sa.String(32), nullable=True),
        sa.Column("came_back", sa.String(32), nullable=True),
    )
    op.create_index("findings_by_device", "findings", ["device"])


def _required(**columns: Any) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name, kind in columns.items()]


def _of_device(is_key: bool = False) -> sa.Column[str]:
    owner = sa.ForeignKey("devices.id", ondelete="CASCADE")
    return sa.Column("device", sa.String(32), owner, primary_key=is_key, nullable=False)
