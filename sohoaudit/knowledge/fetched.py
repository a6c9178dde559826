"""What `sohoaudit feeds update` fetched, read beside what was shipped; nothing here where nothing was fetched."""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ..places import cache_folder


@dataclass(frozen=True, slots=True)
class Listed:
    """A CVE as CISA's catalogue of known exploited holes lists it."""

    added: date | None
    due: date | None
    is_ransomware: bool


def folder() -> Path:
    """Where fetched feeds lie: for each its content and `NAME.state.json`."""
    return cache_folder() / "feeds"


def state(name: str) -> dict[str, Any]:
    """One feed's last visit (etag, modified, checked, fetched, version, sha256, url); empty where there was none."""
    try:
        known = json.loads((folder() / f"{name}.state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


@cache
def exploited() -> dict[str, Listed]:
    """Every CVE of the fetched catalogue; empty where none was fetched or it cannot be read."""
    try:
        root = json.loads((folder() / "kev.json").read_bytes())
        return {entry["cveID"]: _listed(entry) for entry in root["vulnerabilities"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def newest_exploited() -> str:
    """The day of the newest entry of the fetched catalogue, as 2026-11-20; empty where there is none."""
    return max((str(one.added) for one in exploited().values() if one.added), default="")


def _listed(entry: dict[str, Any]) -> Listed:
    is_ransomware = str(entry.get("knownRansomwareCampaignUse", "")).lower() == "known"
    return Listed(_day(entry.get("dateAdded")), _day(entry.get("dueDate")), is_ransomware)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
