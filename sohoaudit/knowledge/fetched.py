"""What `sohoaudit feeds update` fetched, read beside what was shipped; nothing here where nothing was fetched."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ..places import cache_folder

PACK = "fingerprints"
# What `feeds` leaves of EPSS and of NVD: the holes that our own advisories speak of.
SCORES, JUDGED = "epss.known.json", "nvd.known.json"


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
    return _read(f"{name}.state.json")


@cache
def exploited() -> dict[str, Listed]:
    """Every CVE of the fetched catalogue; empty where none was fetched or it cannot be read."""
    try:
        return {entry["cveID"]: _listed(entry) for entry in _read("kev.json")["vulnerabilities"]}
    except (KeyError, TypeError):
        return {}


def told_of(cves: Iterable[str]) -> dict[str, str]:
    """What the feeds say of some holes, as facts of a finding; empty where they were not fetched or say nothing.

    `epss.CVE` is the chance from 0 to 1 that somebody uses it within 30 days, as of `epss_day`; `cvss.CVE` how bad it
    is, up to 10; `automatable.CVE` and `total.CVE` are CISA's answers (SSVC), yes or no.
    """
    day, scores = _scores()
    told: dict[str, str] = {}
    for cve in cves:
        told |= {f"{name}.{cve}": value for name, value in _judged().get(cve, {}).items()}
        if cve in scores:
            told |= {f"epss.{cve}": scores[cve], "epss_day": day}
    return told


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of versions as endoflife.date has it: its name, whether support is over, and since or until when."""

    name: str
    is_over: bool
    since: date | None


def branches(product: str) -> tuple[str, tuple[Branch, ...]]:
    """The day of the fetched list of a product, and its lines of versions; none where it was not fetched."""
    day, products = _ended()
    return day, products.get(product, ())


@cache
def _scores() -> tuple[str, dict[str, str]]:
    known = _read(SCORES)
    day, scores = known.get("day"), known.get("scores")
    return (day, scores) if isinstance(day, str) and isinstance(scores, dict) else ("", {})


@cache
def _judged() -> dict[str, dict[str, str]]:
    return {cve: told for cve, told in _read(JUDGED).items() if isinstance(told, dict)}


@cache
def _ended() -> tuple[str, dict[str, tuple[Branch, ...]]]:
    root = _read("endoflife.json")
    try:
        products = {
            product["name"]: tuple(
                Branch(str(one["name"]), one.get("isEol") is True, _day(one.get("eolFrom")))
                for one in product["releases"]
            )
            for product in root["result"]
        }
        return str(root.get("generated_at", ""))[:10], products
    except (KeyError, TypeError, AttributeError):
        return "", {}


def _read(name: str) -> dict[str, Any]:
    try:
        known = json.loads((folder() / name).read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def packs() -> tuple[Path, ...]:
    """The folder of the fetched fingerprints, once they were checked and put in place whole."""
    known = str(state(PACK).get("sha256", ""))[:12]
    place = folder() / f"{PACK}-{known}"
    return (place,) if known and place.is_dir() else ()


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


def forget() -> None:
    """Read every file anew when it is wanted next, as after an update."""
    for reader in (exploited, _scores, _judged, _ended):
        reader.cache_clear()
