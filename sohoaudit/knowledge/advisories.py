"""Tells which known vulnerabilities apply to a device, and admits where nobody can say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from . import fetched, names, versions
from .fields import Entry, files_in, root_of
from .text_yaml import KnowledgeError
from .versions import Version

UNNAMED = "not named"  # how the source of a use begins that a record or a report speaks of without saying whose it is
_COMPONENTS = "components"
_RANGE_FIELDS = ("all", "only", "before", "through", "from", "branches", "unknown")


@dataclass(frozen=True, slots=True)
class KnownExploited:
    """Who says that attackers use it: `KEV` (CISA's catalogue) or a named report.

    `added` and `due` are the catalogue's dates; `is_ransomware` says that ransomware groups are known to use it.
    """

    source: str
    added: date | None = None
    due: date | None = None
    is_ransomware: bool = False


@dataclass(frozen=True, slots=True)
class Applicable:
    """One advisory, judged for one device.

    `applies` is yes, no or unknown, and `why` says it in a sentence. `fixed_in` is the first version without the flaw,
    None where there is none or none is known. `condition` names what must be switched on for it to matter. Where
    `is_verified` is False, some of it is from memory: it may suggest, never accuse. `is_vague` says that the advisory
    names only a series and no version, so that it does not even tell that such a model exists.
    """

    id: str
    applies: str
    why: str
    fixed_in: str | None
    known_exploited: KnownExploited | None
    title: str
    kind: str
    condition: str
    is_verified: bool
    source: str
    is_vague: bool


@dataclass(frozen=True, slots=True)
class Range:
    """Versions that have the flaw: from `start` to before `before`, or through `through`.

    `fixed` is the first version without it, or says that it is later than `through`.
    """

    start: Version | None
    before: Version | None
    through: Version | None
    fixed: str | None
    repaired: Version | None

    def is_of_line(self, line: str) -> bool:
        """Whether its bounds may be compared with versions of a line at all."""
        lines = {bound.line for bound in (self.start, self.before, self.through) if bound}
        return not line or not lines - {"", line}

    def holds(self, version: Version) -> bool | None:
        """Whether a version lies in it; None where nobody can say."""
        answers: list[bool | None] = []
        if self.start:
            is_older = versions.is_before(version, self.start)
            answers.append(None if is_older is None else not is_older)
        if self.before:
            answers.append(versions.is_before(version, self.before))
        if self.through:
            answers.append(versions.is_through(version, self.through))
        if False in answers:
            return None if self._is_in_gap(version, answers) else False
        return None if None in answers else True

    def _is_in_gap(self, version: Version, answers: list[bool | None]) -> bool:
        """Whether a version is newer than the last one known to be bad and older than the repaired one."""
        starts_in_time = not self.start or answers[0] is True
        return bool(self.through and self.repaired and starts_in_time and versions.is_before(version, self.repaired))


@dataclass(frozen=True, slots=True)
class Affected:
    """The versions of some models that an advisory speaks of; see `fingerprints/advisories/README.md`."""

    models: tuple[str, ...]
    targets: tuple[names.Target, ...]
    scheme: str
    is_all: bool
    only: tuple[Version, ...]
    ranges: tuple[Range, ...]
    unknown: str
    fixed: str | None
    fixed_note: str
    no_fix: str
    condition: str
    any_model: bool


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability as one file tells it."""

    id: str
    vendor: str
    title: str
    kind: str
    product: str
    known_exploited: KnownExploited | None
    is_verified: bool
    source: str
    affected: tuple[Affected, ...]


def applies(
    vendor: str,
    model: str,
    hardware_revision: str | None = None,
    version: str | None = None,
    partial: bool = False,
) -> list[Applicable]:
    """Judge every advisory that names a model or its series.

    Without a version the answer is unknown, except where every version is affected. A version that the scheme cannot
    read or compare is unknown too.

    Args:
        vendor: the maker, in any spelling.
        model: the model, in any spelling; it may carry its hardware revision.
        hardware_revision: `v2`, `B1`; wins over one in the model's name.
        version: the firmware's version as the device writes it.
        partial: the device told only the beginning of its version.

    Returns:
        Those that apply first, then the unknown ones, then those that do not; known exploited ones lead.
    """
    name = names.read(vendor, model, hardware_revision)
    judged = [
        _judge(advisory, groups, name, version, partial)
        for advisory in for_vendor(name.vendor)
        if (groups := _groups_for(advisory, name))
    ]
    order = ["yes", "unknown", "no"]
    return sorted(judged, key=lambda one: (order.index(one.applies), one.known_exploited is None, one.id))


def for_vendor(vendor: str) -> tuple[Advisory, ...]:
    """Every advisory of one maker and of its kin; of software parts (OpenSSL, dnsmasq) too, by their maker's name."""
    stems = names.files_of(vendor)
    if listed := [stem for stem in stems if f"{stem}.yaml" in files_in("advisories")]:
        return tuple(advisory for stem in listed for advisory in _file(stem))
    return tuple(one for one in _file(_COMPONENTS) if names.letters(one.vendor) == stems[0])


def models(vendor: str) -> list[str]:
    """Every model of a maker that an advisory names; series stand with `?` and `*`."""
    return [model for one in for_vendor(vendor) for group in one.affected for model in group.models]


def every() -> tuple[Advisory, ...]:
    """Every advisory of every file; slower, for counting and for tests."""
    return tuple(advisory for file in files_in("advisories") for advisory in _file(file.removesuffix(".yaml")))


def validate() -> list[KnowledgeError]:
    """Every fault of `fingerprints/advisories/`, all files, with line and remedy."""
    faults: list[KnowledgeError] = []
    for file in files_in("advisories"):
        _read(file.removesuffix(".yaml"), faults)
    return faults


Hit = tuple[Affected, names.Target, bool | None]


def _groups_for(advisory: Advisory, name: names.Name) -> list[Hit]:
    """The groups that mean a device; those of its own hardware revision, and those that know versions, go first."""
    hits = names.find(advisory.affected, name)
    hits = [hit for hit in hits if hit[2] is not False] or hits[:1]
    return [hit for hit in hits if hit[2] and not hit[0].unknown] or hits


def _judge(advisory: Advisory, hits: list[Hit], name: names.Name, version: str | None, partial: bool) -> Applicable:
    verdicts = [(hit[0], _verdict(hit, name, version, partial)) for hit in hits]
    order = ["yes", "unknown", "no"]
    group, (answer, why, fixed) = min(verdicts, key=lambda verdict: order.index(verdict[1][0]))
    is_vague = all(target.is_series and (group.unknown or group.any_model) for group, target, _ in hits)
    return Applicable(
        id=advisory.id,
        applies=answer,
        why=why,
        fixed_in=fixed,
        known_exploited=advisory.known_exploited or _listed_since(advisory.id),
        title=advisory.title,
        kind=advisory.kind,
        condition=group.condition,
        is_verified=advisory.is_verified,
        source=advisory.source,
        is_vague=is_vague,
    )


Verdict = tuple[str, str, str | None]


def _verdict(hit: Hit, name: names.Name, version: str | None, partial: bool) -> Verdict:
    """The answer, why, and the fixed version, for one group of one advisory."""
    group, target, fits = hit
    fork = names.fork_of(version) if version else None
    if fork and fork.name != name.vendor:
        return "unknown", f"it runs {fork.name}, and the advisory speaks of the maker's firmware", None
    revisions = names.revisions_text(target.hardware_revisions)
    if fits is False:
        return "no", f"it names hardware revision {revisions}, this is {name.hardware_revision}", None
    answer, why, fixed = _by_version(group, version, partial)
    if fits is None and answer != "no":
        return "unknown", f"only hardware revision {revisions} is named, and this one's is not known", fixed
    return answer, why, fixed


def _by_version(group: Affected, version: str | None, partial: bool) -> Verdict:
    remark = "".join(f"; {text}" for text in (group.fixed_note, group.no_fix) if text)
    if group.unknown:
        return "unknown", group.unknown, group.fixed
    if group.is_all:
        return "yes", f"every version is affected{remark}", None
    fixes = group.fixed or ", ".join(dict.fromkeys(r.fixed for r in group.ranges if r.fixed)) or None
    if not version:
        return "unknown", f"the version is not known; {_spoken(group)}", fixes
    own = versions.parse(group.scheme, version, partial)
    if own is None:
        return "unknown", f"the version {version} cannot be read here; {_spoken(group)}", fixes
    return _by_ranges(group, own, fixes, remark)


def _by_ranges(group: Affected, own: Version, fixes: str | None, remark: str) -> Verdict:
    equal = [versions.compare(own, one) for one in group.only]
    # Where one range speaks of the device's own line (QuTS hero), those of other lines say nothing about it.
    of_own_line = [one for one in group.ranges if one.is_of_line(own.line)]
    held = [(one, one.holds(own)) for one in of_own_line or group.ranges]
    for one, answer in held:
        if answer:
            fixed = one.fixed or group.fixed
            return "yes", f"{own} is affected: {_range(one)}{remark}", fixed
    if 0 in equal:
        return "yes", f"{own} is a version the advisory names{remark}", fixes
    repaired = versions.parse(group.scheme, group.fixed) if group.only and group.fixed else None
    if repaired and versions.is_before(own, repaired):
        return (
            "unknown",
            f"{own} is older than the repaired version, but not among those named; {_spoken(group)}",
            fixes,
        )
    if None in equal or any(answer is None for _, answer in held):
        return "unknown", f"{own} cannot be compared with certainty; {_spoken(group)}", fixes
    if fixes is None and not group.fixed_note:
        # Nobody named a repaired version, so being outside the named ones proves little.
        return (
            "unknown",
            f"{own} is not among the versions named ({_spoken(group)}), but no repaired one is known",
            None,
        )
    return "no", f"{own} is not affected; {_spoken(group)}", fixes


def _spoken(group: Affected) -> str:
    """The affected versions in words."""
    parts = [_range(one) for one in group.ranges]
    if group.only:
        parts.append(" and ".join(str(one) for one in group.only))
    return "affected: " + "; ".join(parts)


def _range(one: Range) -> str:
    start = f"from {one.start} " if one.start else ""
    end = f"before {one.before}" if one.before else f"through {one.through}" if one.through else "onwards"
    return start + end


@cache
def _file(slug: str) -> tuple[Advisory, ...]:
    faults: list[KnowledgeError] = []
    known = _read(slug, faults)
    if faults:
        raise faults[0]
    return known


def _read(slug: str, faults: list[KnowledgeError]) -> tuple[Advisory, ...]:
    root = root_of("advisories", f"{slug}.yaml", faults)
    if root is None:
        return ()
    vendor = root.text("vendor", is_required=slug != _COMPONENTS) or ""
    if vendor and names.letters(names.read(vendor, "").vendor) != slug:
        root.fault("vendor", f"{vendor!r} does not belong in {slug}.yaml: name the file after the maker")
    known = tuple(_advisory(vendor, entry) for entry in root.entries("advisories"))
    root.done()
    seen: set[str] = set()
    for advisory in known:
        if advisory.id in seen:
            root.fault("advisories", f"{advisory.id} stands twice: keep one, with more groups under 'affected'")
        seen.add(advisory.id)
    return known


def _advisory(vendor: str, entry: Entry) -> Advisory:
    own = entry.text("vendor") or vendor
    groups = entry.entries("affected")
    advisory = Advisory(
        id=entry.text("cve", is_required=True) or "",
        vendor=names.read(own, "").vendor,
        title=entry.text("title", is_required=True) or "",
        kind=entry.text("kind") or "",
        product=entry.text("product") or "",
        known_exploited=_known_exploited(entry.entry("known_exploited")),
        is_verified=entry.one_of("confidence", ("verified", "unverified"), "unverified") == "verified",
        source=entry.text("source", is_required=True) or "",
        affected=tuple(_affected(own, group) for group in groups),
    )
    if not groups:
        entry.fault(None, "'affected' is missing: say which models and versions, or 'unknown' and why")
    entry.done()
    return advisory


def _listed_since(cve: str) -> KnownExploited | None:
    """What a catalogue says that was fetched after this version was made."""
    listed = fetched.exploited().get(cve)
    return KnownExploited("KEV", listed.added, listed.due, listed.is_ransomware) if listed else None


def _known_exploited(entry: Entry | None) -> KnownExploited | None:
    if entry is None:
        return None
    known = KnownExploited(
        source=entry.text("source", is_required=True) or "",
        added=entry.day("added"),
        due=entry.day("due"),
        is_ransomware=entry.one_of("ransomware", ("yes", "unknown"), "unknown") == "yes",
    )
    entry.done()
    return known


def _affected(vendor: str, entry: Entry) -> Affected:
    models = entry.texts("models")
    if not models:
        entry.fault("models", "'models' is missing: name one at least")
    scheme = entry.text("versions") or versions.scheme_for(vendor, models[0] if models else None)
    if scheme not in versions.SCHEMES:
        entry.fault("versions", f"{scheme!r} is no scheme: see sohoaudit/knowledge/versions.py")
        scheme = "dotted"
    branches = entry.entries("branches")
    ranges = [_range_of(branch, scheme) for branch in branches] or [_range_of(entry, scheme)]
    group = Affected(
        models=models,
        targets=names.targets(vendor, models, entry.texts("hardware_revisions")),
        scheme=scheme,
        is_all=entry.one_of("all", ("yes",)) == "yes",
        only=tuple(v for text in entry.texts("only") if (v := _version(entry, "only", text, scheme))),
        ranges=tuple(one for one in ranges if one.start or one.before or one.through),
        unknown=entry.text("unknown") or "",
        fixed=_fixed(entry, scheme),
        fixed_note=entry.text("fixed_note") or "",
        no_fix=entry.text("no_fix") or "",
        condition=entry.text("condition") or "",
        any_model=entry.one_of("any_model", ("yes",)) == "yes",
    )
    for branch in branches:
        branch.done()
    if not any(field in entry.values for field in _RANGE_FIELDS):
        entry.fault(None, f"say which versions are affected: one of {', '.join(_RANGE_FIELDS)}")
    entry.done()
    return group


def _range_of(entry: Entry, scheme: str) -> Range:
    bounds = [_version(entry, key, entry.text(key), scheme) for key in ("from", "before", "through")]
    fixed = _fixed(entry, scheme)
    return Range(bounds[0], bounds[1], bounds[2], fixed, versions.parse(scheme, fixed) if fixed else None)


def _fixed(entry: Entry, scheme: str) -> str | None:
    """The repaired version; `later` stands for any after the range, where no source names the first."""
    text = entry.text("fixed")
    if text == "later":
        through = entry.text("through")
        return f"later than {through}" if through else "later"
    _version(entry, "fixed", text, scheme)
    return text


def _version(entry: Entry, key: str, text: str | None, scheme: str) -> Version | None:
    version = versions.parse(scheme, text) if text else None
    if text and version is None:
        entry.fault(key, f"{text!r} cannot be read by the scheme {scheme}: correct it or name another with 'versions'")
    return version


def ids(advisories: Iterable[Advisory]) -> set[str]:
    """The CVE numbers of some advisories, each once however many files tell it."""
    return {one.id for one in advisories}
