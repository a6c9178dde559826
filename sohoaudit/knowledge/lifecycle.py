"""Tells whether a maker still makes updates for a device, and which firmware is the newest that a source states."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache

from . import fetched, names, versions
from .fields import Entry, files_in, root_of
from .text_yaml import KnowledgeError

SOON = timedelta(days=365)
STALE = timedelta(days=120)
_STATES = ("supported", "ending", "end-of-life", "unknown")


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Where a device stands: supported, ending (within a year), end-of-life, or unknown.

    `since` is the day support ended or will end. Where `is_verified` is False the source is memory: say "probably".
    `still_patched` tells of a fix the maker made after the end, and `note` what else a reader should know.
    """

    status: str
    since: date | None = None
    source: str = ""
    is_verified: bool = False
    still_patched: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest firmware that a source states, with the date of the source.

    `kind` is newest, last (no more will come) or floor (it closed a known hole; newer ones may exist). `is_at_least`
    says that "up to date" must not be said of it: it is a floor, or the source is older than 120 days.
    """

    version: str
    date: date | None
    source: str
    kind: str = "newest"
    is_at_least: bool = False
    is_verified: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    models: tuple[str, ...]
    targets: tuple[names.Target, ...]
    regions: tuple[str, ...]
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class _Release:
    models: tuple[str, ...]
    targets: tuple[names.Target, ...]
    branch: str
    latest: Latest


@dataclass(frozen=True, slots=True)
class _Branch:
    product: str
    branch: str
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class _Vendor:
    rows: tuple[_Row, ...] = ()
    releases: tuple[_Release, ...] = ()
    branches: tuple[_Branch, ...] = ()
    endoflife_date: str = ""


def status(
    vendor: str, model: str, hardware_revision: str | None = None, today: date | None = None, version: str | None = None
) -> Lifecycle:
    """Where a model stands.

    A model of which only some hardware revisions are out of support is `unknown` with a note until its revision is
    known. Where the model says nothing, the branch of a told version may (FortiOS 6.4, RouterOS 7.20).

    Args:
        vendor: the maker, in any spelling.
        model: the model, in any spelling; it may carry its hardware revision.
        hardware_revision: `v2`, `B1`; wins over one in the model's name.
        today: the day to judge from; the real one where not given.
        version: the firmware's version, for software branches.
    """
    day = today or date.today()
    name = names.read(vendor, model, hardware_revision)
    found = names.find(_of(name.vendor).rows, name)
    for row, _, fits in found:
        if fits:
            return _at(_for_region(row, name.region), day)
    some = [(row, target) for row, target, fits in found if fits is None]
    if some:
        revisions = names.revisions_text([one for _, target in some for one in target.hardware_revisions])
        note = f"out of support is hardware revision {revisions}; the label of the device tells which it is"
        return Lifecycle("unknown", None, some[0][0].lifecycle.source, some[0][0].lifecycle.is_verified, note=note)
    return branch_status(vendor, version, day) if version else Lifecycle("unknown")


def branch_status(vendor: str, version: str, today: date | None = None) -> Lifecycle:
    """Where the software branch of a version stands (RouterOS 7.20, FortiOS 7.0), unknown where no source tells."""
    name = names.read(vendor, "")
    branches = _with_fetched(_of(name.vendor))
    told = _branch_text(version)
    fitting = [branch for branch in branches if f"{told}.".startswith(f"{_branch_text(branch.branch)}.")]
    best = max(fitting, key=lambda branch: len(branch.branch), default=None)
    return _at(best.lifecycle, today or date.today()) if best else Lifecycle("unknown")


def latest(
    vendor: str, model: str, hardware_revision: str | None = None, today: date | None = None, version: str | None = None
) -> Latest | None:
    """The newest firmware a source states for a model, or None; a told version chooses among a maker's branches."""
    name = names.read(vendor, model, hardware_revision)
    told = _branch_text(version or "")
    fitting = [
        release
        for release, _, fits in names.find(_of(name.vendor).releases, name)
        if fits and (not told or not release.branch or f"{told}.".startswith(f"{_branch_text(release.branch)}."))
    ]
    if not fitting:
        return None
    found = fitting[0].latest
    is_old = found.date is None or (today or date.today()) - found.date > STALE
    return replace(found, is_at_least=found.kind == "floor" or (found.kind != "last" and is_old))


def models(vendor: str) -> list[str]:
    """Every model of a maker that the lifecycle knows, as written; series stand with `?` and `*`."""
    known = _of(vendor)
    listed = [row.models for row in known.rows] + [release.models for release in known.releases]
    return [model for models in listed for model in models]


def count() -> int:
    """How many models and series all files together name."""
    return sum(len(row.models) for file in files_in("lifecycle") for row in _vendor(file.removesuffix(".yaml")).rows)


def validate() -> list[KnowledgeError]:
    """Every fault of `fingerprints/lifecycle/`, all files, with line and remedy."""
    faults: list[KnowledgeError] = []
    for file in files_in("lifecycle"):
        _read(file.removesuffix(".yaml"), faults)
    return faults


def _branch_text(version: str) -> str:
    """The numbers of a version as branches are written, with the h of QuTS hero: `h5.1.7`, `7.20.1`."""
    found = re.search(r"[hc]?\d+(?:\.\d+)*", version.lower())
    return re.sub(r"(?<![\d])0+(?=\d)", "", found.group()) if found else ""


def _at(lifecycle: Lifecycle, day: date) -> Lifecycle:
    """What a row says on a given day: a date of the future is `ending` only within a year."""
    if lifecycle.status != "end-of-life" or lifecycle.since is None or lifecycle.since <= day:
        return lifecycle
    return replace(lifecycle, status="ending" if lifecycle.since - day <= SOON else "supported")


def _for_region(row: _Row, region: str | None) -> Lifecycle:
    """The row's lifecycle; merely probable where it speaks of regions and the device's is not known or another."""
    if not row.regions or region in row.regions:
        return row.lifecycle
    return replace(row.lifecycle, is_verified=False, note=f"the source speaks of the region {', '.join(row.regions)}")


def _with_fetched(known: _Vendor) -> tuple[_Branch, ...]:
    """The branches that were shipped, and before them what endoflife.date said on a later day."""
    day, told = fetched.branches(known.endoflife_date) if known.endoflife_date else ("", ())
    shipped_on = max((day for one in known.branches for day in _DAY.findall(one.lifecycle.source)), default="")
    if day <= shipped_on:
        return known.branches
    product = known.branches[0].product if known.branches else ""
    fresh = []
    for one in told:
        state = "end-of-life" if one.is_over or one.since else "supported"
        fresh.append(_Branch(product, one.name, Lifecycle(state, one.since, f"endoflife.date, {day}", True)))
    return (*fresh, *known.branches)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@cache
def _of(vendor: str) -> _Vendor:
    """What is known of a maker's own devices and of those of its kin."""
    known = [_vendor(stem) for stem in names.files_of(vendor)]
    return _Vendor(
        tuple(row for one in known for row in one.rows),
        tuple(release for one in known for release in one.releases),
        tuple(branch for one in known for branch in one.branches),
        next((one.endoflife_date for one in known if one.endoflife_date), ""),
    )


@cache
def _vendor(slug: str) -> _Vendor:
    faults: list[KnowledgeError] = []
    known = _read(slug, faults)
    if faults:
        raise faults[0]
    return known


def _read(slug: str, faults: list[KnowledgeError]) -> _Vendor:
    root = root_of("lifecycle", f"{slug}.yaml", faults)
    if root is None:
        return _Vendor()
    vendor = root.text("vendor", is_required=True) or ""
    if names.letters(names.read(vendor, "").vendor) != slug:
        root.fault("vendor", f"{vendor!r} does not belong in {slug}.yaml: name the file after the maker")
    known = _Vendor(
        tuple(_row(vendor, entry) for entry in root.entries("lifecycle")),
        tuple(_release(vendor, entry) for entry in root.entries("latest")),
        tuple(_branch(entry) for entry in root.entries("branches")),
        root.text("endoflife_date") or "",
    )
    root.done()
    return known


def _row(vendor: str, entry: Entry) -> _Row:
    row = _Row(*_models(vendor, entry), entry.texts("regions"), _lifecycle(entry))
    entry.done()
    return row


def _release(vendor: str, entry: Entry) -> _Release:
    models, targets = _models(vendor, entry)
    version = entry.text("version", is_required=True) or ""
    scheme = entry.text("versions") or versions.scheme_for(vendor, models[0] if models else None)
    if scheme not in versions.SCHEMES:
        entry.fault("versions", f"{scheme!r} is no scheme: see sohoaudit/knowledge/versions.py")
    elif versions.parse(scheme, version) is None:
        entry.fault("version", f"{version!r} cannot be read by the scheme {scheme}: correct it or name another scheme")
    latest = Latest(
        version=version,
        date=entry.day("date"),
        source=entry.text("source", is_required=True) or "",
        kind=entry.one_of("kind", ("newest", "last", "floor"), "newest"),
        is_verified=entry.one_of("mark", ("verified", "probable"), "probable") == "verified",
    )
    release = _Release(models, targets, entry.text("branch") or "", latest)
    entry.done()
    return release


def _branch(entry: Entry) -> _Branch:
    product = entry.text("product", is_required=True) or ""
    branch = _Branch(product, entry.text("branch", is_required=True) or "", _lifecycle(entry))
    entry.done()
    return branch


def _models(vendor: str, entry: Entry) -> tuple[tuple[str, ...], tuple[names.Target, ...]]:
    models = entry.texts("models")
    if not models:
        entry.fault("models", "'models' is missing: name one at least")
    return models, names.targets(vendor, models, entry.texts("hardware_revisions"))


def _lifecycle(entry: Entry) -> Lifecycle:
    since = entry.day("since")
    return Lifecycle(
        status=entry.one_of("status", _STATES, "end-of-life"),
        since=since,
        source=entry.text("source", is_required=True) or "",
        is_verified=entry.one_of("mark", ("verified", "probable"), "probable") == "verified",
        still_patched=entry.text("still_patched") or "",
        note=entry.text("note") or "",
    )
