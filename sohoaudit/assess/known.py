"""What the firmware rules ask of the world's knowledge: six questions, answered from what was shipped or fetched."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from ..model import Observation


class Lifecycle(Protocol):
    """Whether a maker still supports a model: `supported`, `ending`, `end-of-life` or `unknown`."""

    status: str
    since: Any
    source: str
    is_verified: bool


class Latest(Protocol):
    """The newest firmware known of a model."""

    version: str
    date: Any
    source: str
    is_verified: bool


class Applicable(Protocol):
    """One advisory held against one version; `applies` is `yes`, `no` or `unknown`, `known_exploited` true or falsy."""

    id: str
    applies: str
    why: str
    fixed_in: str | None
    known_exploited: Any
    is_verified: bool


class PartSeen(Protocol):
    """A part of the firmware that told its version, the day that version was released, and where it was told."""

    part: str
    version: str
    released: Any
    field: str
    text: str
    weighs_low: bool


class Knowledge(Protocol):
    """The six questions; `version` chooses among a maker's software branches, `partial` says it was told in part."""

    def status(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, today: date
    ) -> Lifecycle:
        """How far its maker supports a model on a day."""

    def latest(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, today: date
    ) -> Latest | None:
        """The newest firmware known of a model, or None."""

    def applies(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, partial: bool
    ) -> Sequence[Applicable]:
        """The advisories that name a model, each with whether it applies to this version."""

    def parts_seen(self, observations: Iterable[Observation]) -> Sequence[PartSeen]:
        """The dated parts that show in these observations."""

    def is_older(self, vendor: str, model: str, version: str, than: str, partial: bool) -> bool | None:
        """Whether a version is older than another of the same line; None where the two cannot be compared."""

    def told_of(self, cves: Iterable[str]) -> Mapping[str, str]:
        """How likely and how bad holes are, as facts of a finding; they never choose a priority."""


class Shipped:
    """The six questions, put to `sohoaudit.knowledge`; each room is opened when it is first asked."""

    def status(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, today: date
    ) -> Lifecycle:
        """How far its maker supports a model on a day."""
        return _room("lifecycle").status(vendor, model, hardware_revision, today, version)  # type: ignore[no-any-return]

    def latest(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, today: date
    ) -> Latest | None:
        """The newest firmware known of a model, or None."""
        return _room("lifecycle").latest(vendor, model, hardware_revision, today, version)  # type: ignore[no-any-return]

    def applies(
        self, vendor: str, model: str, hardware_revision: str | None, version: str | None, partial: bool
    ) -> Sequence[Applicable]:
        """The advisories that name a model, each with whether it applies to this version."""
        return _room("advisories").applies(vendor, model, hardware_revision, version, partial)  # type: ignore[no-any-return]

    def parts_seen(self, observations: Iterable[Observation]) -> Sequence[PartSeen]:
        """The dated parts that show in these observations."""
        return _room("parts").parts_seen(observations)  # type: ignore[no-any-return]

    def is_older(self, vendor: str, model: str, version: str, than: str, partial: bool) -> bool | None:
        """Whether a version is older than another of the same line; None where the two cannot be compared."""
        versions = _room("versions")
        scheme = versions.scheme_for(vendor, model, version)
        own, other = versions.parse(scheme, version, partial), versions.parse(scheme, than)
        return versions.is_before(own, other) if own and other else None

    def told_of(self, cves: Iterable[str]) -> Mapping[str, str]:
        """How likely and how bad holes are, as facts of a finding; they never choose a priority."""
        return _room("fetched").told_of(cves)  # type: ignore[no-any-return]


def _room(name: str) -> Any:
    return importlib.import_module(f"sohoaudit.knowledge.{name}")
