"""Asks every rule about every event of the logs given, and keeps count of what could not be looked at."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ..model import Priority, printable
from .chains import Baseline, ChainWatch, Seen
from .event import FILE, IMAGE, PROCESS, Event
from .fields import NEEDED_IDS
from .parents import Parents
from .rules import Index, Rule, RuleSet
from .sources import Log, events

_SHOWN_FIELDS = (
    "Image", "CommandLine", "ParentImage", "OsParentImage", "ParentCommandLine", "User", "TargetObject", "EventType",
    "Details", "TargetFilename", "sha256", "OriginalFileName", "ProcessId", "ProcessGuid", "EventID",
)  # fmt: skip
_SHOWN_LENGTH = 2_000
# cmd.exe takes 8,191 characters and CreateProcess 32,767; loggers and exports cut at these lengths.
_CUT_LENGTHS = frozenset({1_023, 1_024, 2_047, 2_048, 4_095, 4_096, 8_191, 8_192, 32_766, 32_767})
_ACTS_KEPT = 1_000
_SAME_ACT = "same act as"
_COMMAND, _HASH = "CommandLine", "sha256"
_HASHED = (PROCESS, FILE, IMAGE)


@dataclass(frozen=True, slots=True)
class Hit:
    """One event that a hunt found: which hunt, how exactly, where it stands, why it counts, and the fields it rests on.

    `reason` names the sentence that says why (wording, rule, parent-joined, parent-unknown, other-wording, listed,
    burst, chain, rare) and `details` fill its places.
    """

    hunt: str
    grade: str
    level: Priority
    pack: str
    file: str
    record: int
    time: str
    host: str
    title: str
    reason: str
    details: Mapping[str, str]
    evidence: Mapping[str, str]
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Blind:
    """A hunt that could not look, or only in part: `reason` names the sentence, the numbers fill it."""

    hunt: str
    reason: str
    lacking: int = 0
    total: int = 0

    @property
    def is_partial(self) -> bool:
        """Whether some events could be looked at."""
        return self.reason.startswith("some-")


@dataclass(slots=True)
class Coverage:
    """What was looked at: logs, events by kind, how many lacked what a hunt needs, the period, and the faults."""

    logs: list[Log] = field(default_factory=list)
    records: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    without_command: int = 0
    without_parent: int = 0
    without_hash: dict[str, int] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""
    blind: list[Blind] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    hunts: int = 0
    notes: list[str] = field(default_factory=list)
    allowed: int = 0

    @property
    def is_incomplete(self) -> bool:
        """Something could not be read, no hunt could look, or no process start carries the command hunts ask for."""
        starts = self.kinds.get(PROCESS, 0)
        if self.faults or (starts and self.without_command == starts):
            return True
        if self.hunts and sum(not blind.is_partial for blind in self.blind) == self.hunts:
            return True
        return any(log.unread for log in self.logs) or all(log.passed_over for log in self.logs)


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at and for: paths, rules, the period, rules that excuse an event, and the office's own baseline."""

    paths: tuple[Path, ...]
    rules: RuleSet
    since: datetime | None = None
    until: datetime | None = None
    allowed: tuple[Rule, ...] = ()
    baseline: Baseline | None = None
    decode_all: bool = False


def hunt(request: Request, coverage: Coverage) -> Iterator[Hit]:
    """Every hit, as it is found; `coverage` fills on the way and is complete after the last.

    Raises:
        LogError: a path does not exist.
    """
    judge = _Judge(request, coverage)
    parents = Parents()
    needed = None if request.decode_all else NEEDED_IDS
    coverage.faults.extend(request.rules.faults)
    is_bounded = request.since is not None or request.until is not None
    for path in request.paths:
        for log, found in events(path, needed):
            coverage.logs.append(log)
            for event in found:
                if is_bounded and not _is_within(event, request):
                    continue
                joined = event.category == PROCESS and parents.fill(event)
                _count(event, coverage)
                yield from judge.hits(event, log, joined)
            coverage.records += log.records
    _judge_coverage(request.rules, coverage)


class _Judge:
    """Asks the rules about one event after the other, and leaves out what is known and fine."""

    def __init__(self, request: Request, coverage: Coverage) -> None:
        self._index = Index(request.rules.rules)
        self._allowed = Index(request.allowed) if request.allowed else None
        self._agents = Index(request.rules.agents) if request.rules.agents else None
        self._watch = ChainWatch(request.rules.chains, request.rules.rules, request.baseline)
        self._coverage = coverage
        self._acts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def hits(self, event: Event, log: Log, joined: bool) -> list[Hit]:
        """What the event is a hit of; `joined` says that its parent was filled in."""
        matched = self._index.hits(event)
        is_chained = self._watch.is_watching and event.category == PROCESS
        if not matched and not is_chained:
            return []
        if self._allowed and self._allowed.hits(event):
            self._coverage.allowed += bool(matched)
            return []
        if self._agents and any(rule.pack != "volt" for rule in matched) and self._agents.hits(event):
            matched = [rule for rule in matched if rule.pack == "volt"]
        best: dict[str, Rule] = {}
        for rule in matched:
            if not rule.only_in_chains and (rule.hunt not in best or rule.grade == "exact"):
                best[rule.hunt] = rule
        found = [self._collapsed(_hit(rule, event, log, joined), event) for rule in best.values()]
        if is_chained:
            found += [_chain_hit(seen, event, log) for seen in self._watch.see(event, log.name, matched)]
        return found

    def _collapsed(self, hit: Hit, event: Event) -> Hit:
        """The hit, marked where its parent was one of the same hunt: `cmd /c netsh …` and its netsh are one act."""
        if event.category != PROCESS:
            return hit
        parent = self._acts.get((hit.hunt, _process_key(event, "ParentProcessGuid", "ParentProcessId")))
        if own := _process_key(event, "ProcessGuid", "ProcessId"):
            self._acts[hit.hunt, own] = hit.record
            if len(self._acts) > _ACTS_KEPT:
                self._acts.popitem(last=False)
        return hit if parent is None else replace(hit, evidence={**hit.evidence, _SAME_ACT: f"record {parent}"})


def _process_key(event: Event, guid: str, number: str) -> str:
    """What tells a process from any other: its GUID, or else host and number; empty where neither is told."""
    return event.text(guid) or (f"{event.host}|{event.text(number)}" if event.text(number) else "")


def _chain_hit(seen: Seen, event: Event, log: Log) -> Hit:
    return Hit(
        hunt=seen.hunt,
        grade="behaviour",
        level=seen.level,
        pack="chains",
        file=printable(log.name),
        record=event.record,
        time=printable(event.time[:64]),
        host=printable(event.host),
        title=seen.title,
        reason=seen.reason,
        details=seen.details,
        evidence={**evidence_of(event), **seen.evidence},
        references=seen.references,
    )


def _hit(rule: Rule, event: Event, log: Log, joined: bool) -> Hit:
    return Hit(
        hunt=rule.hunt,
        grade=rule.grade,
        level=rule.level,
        pack=rule.pack,
        file=printable(log.name),
        record=event.record,
        time=printable(event.time[:64]),
        host=printable(event.host),
        title=rule.title,
        reason=_reason(rule, event, joined),
        details={"sha256": event.text(_HASH).lower()},
        evidence=evidence_of(event),
        references=tuple(rule.sigma.references or ()),
    )


def evidence_of(event: Event) -> dict[str, str]:
    """The fields a person wants to see, made printable and cut to a bearable length."""
    shown = {}
    if event.record_id:
        shown["EventRecordID"] = printable(event.record_id)
    if event.channel:
        shown["Channel"] = printable(event.channel)
    for name in _SHOWN_FIELDS:
        if text := event.text(name):
            shown[name] = printable(text[:_SHOWN_LENGTH]) + ("…" if len(text) > _SHOWN_LENGTH else "")
    if len(event.text(_COMMAND)) in _CUT_LENGTHS:
        shown["note"] = "the log may have cut this command line"
    return shown


def _reason(rule: Rule, event: Event, joined: bool) -> str:
    if rule.hashes is not None:
        return "listed"
    if rule.pack != "volt":
        return "rule"
    asks_parent = "ParentImage" in rule.fields
    if rule.grade == "exact":
        return "parent-joined" if asks_parent and joined else "wording"
    exact_asks_parent = rule.hunt in ("wmic-logicaldisk", "impacket-wmiexec")
    parent = "" if event.text("ParentGuessed") else event.text("ParentImage") or event.text("OsParentImage")
    if exact_asks_parent and not parent:
        return "parent-unknown"
    return "other-wording"


def _is_within(event: Event, request: Request) -> bool:
    """Whether the event lies in the period; one whose time cannot be read is looked at."""
    moment = event.moment
    if moment is None:
        return True
    return not (request.since and moment < request.since) and not (request.until and moment > request.until)


def _count(event: Event, coverage: Coverage) -> None:
    kind = event.category
    kinds = coverage.kinds
    kinds[kind] = kinds.get(kind, 0) + 1
    fields = event.fields
    if kind == PROCESS:
        if not fields.get(_COMMAND):
            coverage.without_command += 1
        if not fields.get("ParentImage") and not fields.get("OsParentImage"):
            coverage.without_parent += 1
    if kind in _HASHED and not fields.get(_HASH):
        coverage.without_hash[kind] = coverage.without_hash.get(kind, 0) + 1
    if event.host:
        coverage.hosts.add(event.host)
    if event.time[:1].isdigit():
        if not coverage.first or event.time < coverage.first:
            coverage.first = event.time
        if event.time > coverage.last:
            coverage.last = event.time


def _judge_coverage(rules: RuleSet, coverage: Coverage) -> None:
    """Say of every hunt whether it could look: what it needs first of all, and how many events lacked that."""
    leading: dict[str, Rule] = {}
    for rule in rules.rules:
        if not rule.only_in_chains:
            leading.setdefault(rule.hunt, rule)
    coverage.hunts = len(leading)
    for name, rule in leading.items():
        total = coverage.kinds.get(rule.source, 0)
        if not total:
            coverage.blind.append(Blind(name, f"no-{rule.source}"))
            continue
        if _HASH in rule.fields:
            what, lacking = "hash", coverage.without_hash.get(rule.source, 0)
        elif _COMMAND in rule.fields and rule.source == PROCESS:
            what, lacking = "command", coverage.without_command
        else:
            continue
        if lacking:
            reason = f"none-{what}" if lacking >= total else f"some-{what}"
            coverage.blind.append(Blind(name, reason, lacking, total))
