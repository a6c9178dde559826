"""Decides how pressing a finding is, by one table: where it can be reached from × the worst true thing about it."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum

from ..model import Evidence, Exposure, Priority

URGENT, HIGH, MEDIUM, LOW = Priority.URGENT, Priority.HIGH, Priority.MEDIUM, Priority.LOW

# An index older than this may have seen a door that is shut by now.
INDEX_IS_FRESH_FOR = timedelta(days=30)


class Reach(StrEnum):
    """Where something can be reached from, widest first; `PERHAPS` is evidence that wants confirming from outside."""

    INTERNET = "internet"
    PERHAPS = "perhaps"
    INSIDE = "inside"


class Fact(StrEnum):
    """A true thing about a device.

    `UNMAINTAINED` is firmware in which nothing shows an update for years; `OUTDATED` covers old firmware and old
    encryption, neither with a known hole.
    """

    COMPROMISED = "compromised"
    OPEN = "open"
    KNOWN_EXPLOITED = "known-exploited"
    UNSUPPORTED = "unsupported"
    MANAGEMENT = "management"
    VULNERABLE = "vulnerable"
    UNMAINTAINED = "unmaintained"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"
    FINE = "fine"


TABLE: dict[Fact, dict[Reach, Priority | None]] = {
    fact: dict(zip(Reach, row, strict=True))
    for fact, row in {
        #                     internet  perhaps  inside
        Fact.COMPROMISED:     (URGENT,  URGENT,  URGENT),
        Fact.OPEN:            (URGENT,  URGENT,  HIGH),
        Fact.KNOWN_EXPLOITED: (URGENT,  URGENT,  HIGH),
        Fact.UNSUPPORTED:     (URGENT,  HIGH,    MEDIUM),
        Fact.MANAGEMENT:      (HIGH,    HIGH,    LOW),
        Fact.VULNERABLE:      (HIGH,    MEDIUM,  MEDIUM),
        Fact.UNMAINTAINED:    (HIGH,    MEDIUM,  MEDIUM),
        Fact.OUTDATED:        (MEDIUM,  MEDIUM,  LOW),
        Fact.UNKNOWN:         (MEDIUM,  MEDIUM,  LOW),
        Fact.FINE:            (LOW,     LOW,     None),
    }.items()
}  # fmt: skip


def priority(reach: Reach, fact: Fact) -> Priority | None:
    """What the table says, or None where nothing needs doing."""
    return TABLE[fact][reach]


def reach_of(exposures: Iterable[Exposure], today: date) -> Reach:
    """The widest place from which one of these exposures can be reached; nothing exposed counts as inside."""
    return min((_reach(exposure, today) for exposure in exposures), key=list(Reach).index, default=Reach.INSIDE)


def _reach(exposure: Exposure, today: date) -> Reach:
    match exposure.evidence:
        case Evidence.CONNECTED | Evidence.MAPPED:
            return Reach.INTERNET
        case Evidence.INDEXED:
            seen = _date_in(exposure.detail)
            return Reach.INTERNET if seen and today - seen <= INDEX_IS_FRESH_FOR else Reach.PERHAPS
        case Evidence.HAIRPIN | Evidence.GLOBAL_ADDRESS:
            return Reach.INSIDE if exposure.doubt else Reach.PERHAPS
        case _:
            return Reach.INSIDE


def _date_in(text: str) -> date | None:
    found = re.search(r"\b\d{4}-\d{2}-\d{2}", text)
    try:
        return date.fromisoformat(found.group()) if found else None
    except ValueError:
        return None
