"""Asks every rule about every event of the logs given, and keeps count of what could not be looked at."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ..model import Priority, printable
from .chains import Baseline, ChainWatch
from .event import FILE, PROCESS, REGISTRY, Event
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
_COMMAND, _HASH = "CommandLine", "sha256"


@dataclass(frozen=True, slots=True)
class Hit:
    """One event that a hunt found: which hunt, how exactly, where it stands, why it counts, and the fields it rests on.

    `reason` is a word for templates: wording, parent-unknown, parent-other, parent-joined, listed, burst, chain, rare.
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
    why: str
    reason: str
    evidence: dict[str, str]
    references: tuple[str, ...] = ()


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
    blind: list[tuple[str, str]] = field(default_factory=list)
    partly: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    allowed: int = 0

    @property
    def is_incomplete(self) -> bool:
        """Something could not be read, or no process event carries the command line that the hunts ask for."""
        commands_missing = bool(self.kinds.get(PROCESS)) and self.without_command == self.kinds[PROCESS]
        return bool(self.faults) or commands_missing or any(log.unread for log in self.logs)


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
    index = Index(request.rules.rules)
    excused = Index(request.allowed) if request.allowed else None
    watch = ChainWatch(request.rules.chains, request.rules.rules, request.baseline)
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
                parent_joined = event.category == PROCESS and parents.fill(event)
                _count(event, coverage)
                yield from _judge(event, log, index, excused, watch, coverage, parent_joined)
            coverage.records += log.records
    _judge_coverage(request.rules, coverage)


def _judge(
    event: Event, log: Log, index: Index, excused: Index | None, watch: ChainWatch, coverage: Coverage, joined: bool
) -> Iterator[Hit]:
    best: dict[str, Rule] = {}
    matched = list(index.hits(event))
    if not matched and not watch.is_watching:
        return
    if excused and (matched or watch.is_watching) and next(excused.hits(event), None):
        coverage.allowed += bool(matched)
        return
    for rule in matched:
        if rule.hunt not in best or rule.grade == "exact":
            best[rule.hunt] = rule
    for rule in best.values():
        if not rule.sigma.custom_attributes.get("only_in_chains"):
            yield _hit(rule, event, log, joined)
    if watch.is_watching and event.category == PROCESS:
        for chain in watch.see(event, log.name, matched):
            yield Hit(
                hunt=chain.hunt, grade="behaviour", level=chain.level, pack="chains", file=log.name,
                record=event.record, time=event.time, host=printable(event.host), title=chain.title, why=chain.why,
                reason=chain.reason, evidence={**evidence_of(event), **chain.evidence},
            )  # fmt: skip


def _hit(rule: Rule, event: Event, log: Log, joined: bool) -> Hit:
    reason = _reason(rule, event, joined)
    return Hit(
        hunt=rule.hunt,
        grade=rule.grade,
        level=rule.level,
        pack=rule.pack,
        file=log.name,
        record=event.record,
        time=event.time,
        host=printable(event.host),
        title=rule.title,
        why=_why(rule, event, reason),
        reason=reason,
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
    asks_parent = "ParentImage" in rule.fields
    if rule.grade == "exact":
        return "parent-joined" if asks_parent and joined else "wording"
    exact_asks_parent = rule.hunt in ("wmic-logicaldisk", "impacket-wmiexec")
    if exact_asks_parent and not event.text("ParentImage") and not event.text("OsParentImage"):
        return "parent-unknown"
    return "other-wording"


def _why(rule: Rule, event: Event, reason: str) -> str:
    """One sentence in plain words; the report writes its own from `reason`, in the reader's language."""
    words = {
        "wording": "the event meets the brief's query as it stands"
        if rule.pack == "volt"
        else "the event meets the rule",
        "parent-joined": "the event meets the brief's query; its parent was found by process number in the same logs",
        "parent-unknown": "the command is the brief's, but the log does not say which program started it",
        "other-wording": "the same technique as in the brief's query, in other words or from another program",
        "listed": f"the SHA-256 {event.text(_HASH).lower()} is on the list",
    }
    return f"{rule.title}: {words[reason]}"


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
    if kind in (PROCESS, FILE) and not fields.get(_HASH):
        coverage.without_hash[kind] = coverage.without_hash.get(kind, 0) + 1
    if event.host:
        coverage.hosts.add(event.host)
    if event.time:
        if not coverage.first or event.time < coverage.first:
            coverage.first = event.time
        if event.time > coverage.last:
            coverage.last = event.time


def _judge_coverage(rules: RuleSet, coverage: Coverage) -> None:
    """Say of every hunt whether it could look: what it needs first of all, and how many events lacked that."""
    leading: dict[str, Rule] = {}
    for rule in rules.rules:
        if not rule.sigma.custom_attributes.get("only_in_chains"):
            leading.setdefault(rule.hunt, rule)
    for name, rule in leading.items():
        total = coverage.kinds.get(rule.source, 0)
        if not total:
            coverage.blind.append((name, _REMEDIES.get(rule.source, f"no {rule.source} events in these logs")))
        elif _HASH in rule.fields:
            _judge_field(name, "SHA-256", coverage.without_hash.get(rule.source, 0), total, coverage)
        elif _COMMAND in rule.fields and rule.source == PROCESS:
            _judge_field(name, "command line", coverage.without_command, total, coverage)


_REMEDIES = {
    PROCESS: "no process starts in these logs: switch on Sysmon event 1, or auditing of 4688 with command lines",
    REGISTRY: "no registry events in these logs: switch on Sysmon events 12 and 13, or auditing of the key (4657)",
    FILE: "no file events in these logs: switch on Sysmon events 15 and 29",
    "log_cleared": "no clearing is told of: add Security.evtx and System.evtx to be sure",
    "esent": "no ESENT events in these logs: add Application.evtx",
}


def _judge_field(name: str, what: str, lacking: int, total: int, coverage: Coverage) -> None:
    if lacking >= total:
        coverage.blind.append((name, f"none of the {total:,} events of its kind carries a {what}"))
    elif lacking:
        coverage.partly.append((name, f"{lacking:,} of the {total:,} events of its kind carry no {what}"))
