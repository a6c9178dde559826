"""Dates a firmware by the software parts and the dates that show, where no version is told."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from ..model import Observation
from . import versions
from .fields import Entry, root_of
from .text_yaml import KnowledgeError
from .versions import Version

# No device a SOHO audit meets was built before; clocks that were never set say 1970, 1980 or 2000.
_EARLIEST = date(2001, 1, 2)
_LONGEST_TEXT = 65_536
_MOST_HITS = 20


@dataclass(frozen=True, slots=True)
class PartSeen:
    """One part of a firmware that shows, and the day it was released.

    The firmware cannot be older than that day; it may be much younger. `is_exact` is False where only an older
    neighbour's day is known. `weighs_low` marks what makers build in for many years on end (MiniUPnPd 1.0, Linux
    2.6.36): being old, it says little. `kind` is part, build (the firmware's own date) or install (set up that day).
    """

    part: str
    version: str
    released: date
    field: str
    text: str
    kind: str = "part"
    is_exact: bool = True
    weighs_low: bool = False


def parts_seen(observations: Iterable[Observation], today: date | None = None) -> list[PartSeen]:
    """Every part and date that shows in the observations of one device, youngest first, each once.

    A date of a clock that was never set, of the future, or of the very moment the page was asked for is left out.
    """
    seen: dict[tuple[str, str, date], PartSeen] = {}
    for observation in observations:
        day = today or observation.time.date()
        for part in [*_parts_in(observation), *_dates_in(observation)]:
            if _EARLIEST <= part.released <= day + timedelta(days=1) or part.kind == "part":
                seen.setdefault((part.part, part.version, part.released), part)
    return sorted(seen.values(), key=lambda part: (part.released, not part.weighs_low, part.part), reverse=True)


def newest(seen: Iterable[PartSeen]) -> PartSeen | None:
    """The youngest part: the firmware is at least as young. None where nothing shows."""
    return max(seen, key=lambda part: (part.released, not part.weighs_low), default=None)


def released(part: str, version: str) -> date | None:
    """The day a version of a part was released, or that of its older neighbour; None where the part is not known."""
    found = next((one for one in _known().parts if one.name.casefold() == part.casefold()), None)
    parsed = versions.parse(found.scheme, version) if found else None
    return found.release_of(parsed)[0] if found and parsed else None


def validate() -> list[KnowledgeError]:
    """Every fault of `fingerprints/parts.yaml`, with line and remedy."""
    faults: list[KnowledgeError] = []
    _read(faults)
    return faults


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    fields: tuple[str, ...]
    pattern: re.Pattern[str]
    scheme: str
    releases: tuple[tuple[Version, date], ...]
    frozen: tuple[Version, ...]

    def release_of(self, version: Version) -> tuple[date | None, bool]:
        """The day of a version, and whether it is the version's own."""
        older = [(one, day) for one, day in self.releases if versions.compare(one, version) in (-1, 0)]
        if older and versions.compare(older[-1][0], version) == 0:
            return older[-1][1], True
        branch = version.key[:2]
        if older and older[-1][0].key[:2] == branch:
            return older[-1][1], False
        # Branches overlap in time (1.13.0 came before 1.12.2): rather the branch's first known day than one too old.
        begun = [day for one, day in self.releases if one.key[:2] == branch]
        days = begun[:1] or [day for _, day in older[-1:]]
        return (days[0] if days else None), False

    def is_frozen(self, version: Version) -> bool:
        """Whether makers built this version in for years on end; point releases of a frozen kernel count too."""
        return any(one.key[: _told(one)] == version.key[: _told(one)] for one in self.frozen)


@dataclass(frozen=True, slots=True)
class _Dated:
    name: str
    kind: str
    fields: tuple[str, ...]
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Known:
    parts: tuple[_Part, ...] = ()
    dates: tuple[_Dated, ...] = ()


def _told(version: Version) -> int:
    return len(re.findall(r"\d+", version.text))


def _parts_in(observation: Observation) -> Iterator[PartSeen]:
    for part in _known().parts:
        for field, found in _hits(observation, part.fields, part.pattern):
            groups = found.groupdict()
            version = versions.parse(part.scheme, groups["version"] or "")
            printed = _day(groups.get("date") or "")
            day, is_exact = (printed, True) if printed else part.release_of(version) if version else (None, False)
            if version and day:
                low = part.is_frozen(version)
                yield PartSeen(part.name, version.text, day, field, found.group(), "part", is_exact, low)


def _dates_in(observation: Observation) -> Iterator[PartSeen]:
    for dated in _known().dates:
        for field, found in _hits(observation, dated.fields, dated.pattern):
            day = _day(found["date"])
            if day is None or (dated.name == "page" and _is_now(found["date"], observation)):
                continue
            # A clock that starts at the first of a January has usually just been switched on.
            if (day.month, day.day) == (1, 1) and dated.name != "kernel build":
                continue
            yield PartSeen(dated.name, "", day, field, found.group(), dated.kind)


def _hits(
    observation: Observation, fields: tuple[str, ...], pattern: re.Pattern[str]
) -> Iterator[tuple[str, re.Match[str]]]:
    for field in fields:
        text = observation.fields.get(field, "")[:_LONGEST_TEXT]
        for count, found in enumerate(pattern.finditer(text)):
            if count == _MOST_HITS:
                break
            yield field, found


def _is_now(text: str, observation: Observation) -> bool:
    """Whether a page's date is that of its own delivery: it was made for us, and says nothing of the firmware."""
    shown = _moment(text)
    served = _moment(observation.fields.get("http.header.date", "").removesuffix(" GMT").strip())
    if shown and served and abs(shown - served) < timedelta(minutes=5):
        return True
    return bool(shown) and abs(observation.time.replace(tzinfo=None) - (shown or datetime.min)) < timedelta(days=1)


_SHAPES = ("%a, %d %b %Y %H:%M:%S", "%a %b %d %H:%M:%S %Y", "%b %d %H:%M:%S %Y", "%d%b%Y", "%Y%m%d%H%M%SZ", "%Y-%m-%d")


def _moment(text: str) -> datetime | None:
    """The moment a text means, time zones left aside: a day more or less does not matter here."""
    bare = " ".join(re.sub(r"\b(?:[A-Z]{3,5}|UTC?[+-]\d+)\b(?= \d{4}$)", "", text).split())
    if re.fullmatch(r"\d{6}", bare):
        bare = f"20{bare[:2]}-{bare[2:4]}-{bare[4:]}"
    for shape in _SHAPES:
        try:
            return datetime.strptime(bare, shape)
        except ValueError:
            continue
    return None


def _day(text: str) -> date | None:
    moment = _moment(text)
    return moment.date() if moment else None


@cache
def _known() -> _Known:
    faults: list[KnowledgeError] = []
    known = _read(faults)
    if faults:
        raise faults[0]
    return known


def _read(faults: list[KnowledgeError]) -> _Known:
    root = root_of("", "parts.yaml", faults)
    if root is None:
        return _Known()
    known = _Known(
        tuple(_part(entry) for entry in root.entries("parts")),
        tuple(_dated(entry) for entry in root.entries("dates")),
    )
    root.done()
    return known


def _part(entry: Entry) -> _Part:
    scheme = entry.one_of("versions", versions.SCHEMES, "dotted")
    table = entry.entry("releases")
    releases = [(text, table.day(text)) for text in table.values] if table else []
    read = [(_version(entry, text, scheme), day) for text, day in releases]
    part = _Part(
        name=entry.text("part", is_required=True) or "",
        fields=entry.texts("fields"),
        pattern=_pattern(entry, "version"),
        scheme=scheme,
        releases=tuple(sorted(((v, day) for v, day in read if v and day), key=lambda pair: pair[0].key)),
        frozen=tuple(v for text in entry.texts("frozen") if (v := _version(entry, text, scheme))),
    )
    entry.done()
    return part


def _dated(entry: Entry) -> _Dated:
    dated = _Dated(
        name=entry.text("part", is_required=True) or "",
        kind=entry.one_of("kind", ("build", "install"), "install"),
        fields=entry.texts("fields"),
        pattern=_pattern(entry, "date"),
    )
    entry.done()
    return dated


def _version(entry: Entry, text: str, scheme: str) -> Version | None:
    version = versions.parse(scheme, text)
    if version is None:
        entry.fault(None, f"{text!r} cannot be read by the scheme {scheme}: correct it or name another scheme")
    return version


def _pattern(entry: Entry, group: str) -> re.Pattern[str]:
    text = entry.text("pattern", is_required=True) or ""
    try:
        pattern = re.compile(text)
    except re.error as fault:
        entry.fault("pattern", f"the pattern does not compile: {fault}")
        return re.compile(f"(?!)(?P<{group}>)")
    if group not in pattern.groupindex:
        entry.fault("pattern", f"the pattern has no group (?P<{group}>…): add it")
        return re.compile(f"(?!)(?P<{group}>)")
    return pattern
