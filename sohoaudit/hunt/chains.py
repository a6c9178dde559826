"""Looks for what only a row of events shows: bursts of discovery, ordered steps, pairs this office never saw."""

import json
import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..model import Priority, printable
from .event import Event
from .rules import Chain, Rule

_GROUPS_KEPT = 5_000
_STEPS_KEPT = 512
_FORMAT = "sohoaudit hunt baseline 1"
MINIMUM_DAYS = 7
MINIMUM_PAIRS = 50


class BaselineError(ValueError):
    """A baseline that cannot be used: one line naming the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One chain that came to its end with this event; `reason` and `details` make the sentence that explains it."""

    hunt: str
    level: Priority
    title: str
    reason: str
    details: dict[str, str]
    evidence: dict[str, str]
    references: tuple[str, ...] = ()


@dataclass(slots=True)
class Baseline:
    """How often each program started each other one, and on how many hosts, in logs the office calls ordinary.

    `pairs` maps parent and child (file names) to the hosts that showed it, counted once each; `days` is the span.
    """

    pairs: dict[tuple[str, str], int] = field(default_factory=dict)
    parents: dict[str, int] = field(default_factory=dict)
    hosts: int = 0
    days: float = 0.0

    @property
    def is_enough(self) -> bool:
        """Whether it is long and rich enough to call something unusual."""
        return self.days >= MINIMUM_DAYS and len(self.pairs) >= MINIMUM_PAIRS

    def surprise(self, parent: str, child: str) -> float:
        """-log2 of how likely the parent starts the child, one added to every count, in bits."""
        kinds = len({pair[1] for pair in self.pairs if pair[0] == parent}) + 1
        return -math.log2((self.pairs.get((parent, child), 0) + 1) / (self.parents.get(parent, 0) + kinds))

    def save(self, path: Path) -> None:
        """Write it as JSON, the pairs in order so that two builds of the same logs agree."""
        rows = [[parent, child, count] for (parent, child), count in sorted(self.pairs.items())]
        content = {"format": _FORMAT, "hosts": self.hosts, "days": round(self.days, 2), "pairs": rows}
        path.write_text(json.dumps(content, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, path: Path) -> "Baseline":
        """Read one that `save` wrote.

        Raises:
            BaselineError: the file is missing or is no baseline.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise KeyError("format")
            built = cls(hosts=int(content["hosts"]), days=float(content["days"]))
            for parent, child, count in content["pairs"]:
                built.add(str(parent), str(child), int(count))
        except (OSError, ValueError, KeyError, TypeError) as fault:
            remedy = "build one with 'sohoaudit hunt baseline build'"
            raise BaselineError(f"{path}: this is no baseline ({type(fault).__name__}): {remedy}") from None
        return built

    def add(self, parent: str, child: str, count: int = 1) -> None:
        """Count one pair."""
        self.pairs[parent, child] = self.pairs.get((parent, child), 0) + count
        self.parents[parent] = self.parents.get(parent, 0) + count


def pair_of(event: Event) -> tuple[str, str] | None:
    """Parent and child by file name, or None where either is unknown."""
    parent, child = event.folded("ParentImage"), event.image
    return (parent.rpartition("\\")[2], child) if parent and child else None


def build_baseline(found: Iterable[Event]) -> Baseline:
    """Count the pairs of a stretch of ordinary days, each once a host: a busy computer does not outvote the rest."""
    baseline = Baseline()
    seen: set[tuple[str, str, str]] = set()
    hosts: set[str] = set()
    first = last = None
    for event in found:
        pair = pair_of(event)
        if pair is None:
            continue
        hosts.add(event.host)
        if (event.host, *pair) not in seen and len(seen) < 1_000_000:
            seen.add((event.host, *pair))
            baseline.add(*pair)
        moment = event.moment
        if moment is not None:
            first = moment if first is None or moment < first else first
            last = moment if last is None or moment > last else last
    baseline.hosts = len(hosts)
    if first is not None and last is not None:
        baseline.days = (last - first).total_seconds() / 86_400
    return baseline


@dataclass(slots=True)
class _Step:
    moment: float
    value: str
    rule: str
    where: str
    command: str


class ChainWatch:
    """Follows the process starts of every group of a chain in a sliding window."""

    def __init__(self, chains: Iterable[Chain], rules: Iterable[Rule], baseline: Baseline | None) -> None:
        self._chains = tuple(chains)
        self._baseline = baseline if baseline is not None and baseline.is_enough else None
        self._names = {rule.sigma.name: rule for rule in rules}
        self._steps: OrderedDict[tuple[str, ...], deque[_Step]] = OrderedDict()
        self._told: dict[tuple[str, ...], float] = {}
        self._pairs_told: set[tuple[str, str, str]] = set()
        self.is_watching = bool(self._chains) or self._baseline is not None

    def see(self, event: Event, file: str, matched: list[Rule]) -> Iterator[Seen]:
        """What this process start completes."""
        if self._baseline is not None:
            yield from self._rare(event)
        names = {rule.sigma.name for rule in matched}
        if not names:
            return
        moment = event.moment
        if moment is None:
            return
        for chain in self._chains:
            hit_names = [name for name in chain.rules if name in names]
            if hit_names:
                group = (chain.hunt, *(_group_value(event, name) for name in chain.group_by))
                where = f"{file}, record {event.record}"
                command = (event.text("CommandLine") or event.text("Image"))[:200]
                value = event.folded(chain.field or "Image") or ""
                step = _Step(moment.timestamp(), value, hit_names[0], where, command)
                yield from self._advance(chain, group, step)

    def _advance(self, chain: Chain, group: tuple[str, ...], step: _Step) -> Iterator[Seen]:
        steps = self._steps.setdefault(group, deque(maxlen=_STEPS_KEPT))
        self._steps.move_to_end(group)
        if len(self._steps) > _GROUPS_KEPT:
            self._steps.popitem(last=False)
        steps.append(step)
        while steps and step.moment - steps[0].moment > chain.seconds:
            steps.popleft()
        found = _distinct(steps) if chain.kind != "temporal_ordered" else _ordered(chain.rules, steps)
        needed = chain.count or len(chain.rules)
        if len(found) < needed or step.moment - self._told.get(group, -math.inf) <= chain.seconds:
            return
        self._told[group] = step.moment
        yield _told(chain, group, found)

    def _rare(self, event: Event) -> Iterator[Seen]:
        pair, baseline = pair_of(event), self._baseline
        if pair is None or baseline is None or pair in baseline.pairs:
            return
        key = (event.host, *pair)
        if key in self._pairs_told or len(self._pairs_told) > 100_000:
            return
        self._pairs_told.add(key)
        parent, child = map(printable, pair)
        details = {
            "parent": parent, "child": child, "days": f"{baseline.days:.0f}", "hosts": str(baseline.hosts),
            "bits": f"{baseline.surprise(*pair):.1f}",
        }  # fmt: skip
        title = f"{parent} started {child}, which never happened here before"
        yield Seen("chain-rare-pair", Priority.LOW, title, "rare", details, {})


def _group_value(event: Event, name: str) -> str:
    if name in ("Computer", "host", "ComputerName"):
        return event.host.lower()
    return event.folded(name) or ""


def _distinct(steps: Iterable[_Step]) -> list[_Step]:
    """The latest step of each value inside the window, in their order."""
    latest = {step.value: step for step in steps}
    return sorted(latest.values(), key=lambda step: step.moment)


def _ordered(rules: tuple[str, ...], steps: Iterable[_Step]) -> list[_Step]:
    """One step of each rule, in the order of the rules, as far as they go."""
    found: list[_Step] = []
    for step in sorted(steps, key=lambda step: step.moment):
        if len(found) < len(rules) and step.rule == rules[len(found)]:
            found.append(step)
    return found


def _told(chain: Chain, group: tuple[str, ...], steps: list[_Step]) -> Seen:
    who = ", ".join(printable(part) for part in group[1:3] if part) or "?"
    names = ", ".join(printable(step.value.rpartition("\\")[2] or step.rule) for step in steps[:8])
    minutes = max(1, round((steps[-1].moment - steps[0].moment) / 60))
    details = {"who": who, "names": names, "minutes": str(minutes), "programs": str(len(steps))}
    evidence = {
        f"step {number}": f"{step.where}: {printable(step.command)[:200]}" for number, step in enumerate(steps, 1)
    }
    reason = "chain" if chain.kind == "temporal_ordered" else "burst"
    return Seen(chain.hunt, chain.level, chain.title, reason, details, evidence, tuple(chain.sigma.references or ()))
