"""Reads Sigma rules through pySigma and turns each into one quick question to an event."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from ..knowledge import shipped
from ..model import Priority
from .event import FILE, IMAGE, OTHER, PROCESS, REGISTRY, Event
from .matcher import RuleError, Test, both, fields_of, hashes_of, images_of, test_of

PACKS = ("volt", "lotl", "chains")

_PRIORITIES = {
    "critical": Priority.URGENT, "high": Priority.HIGH, "medium": Priority.MEDIUM, "low": Priority.LOW,
    "informational": Priority.LOW,
}  # fmt: skip
_CATEGORIES = {
    "process_creation": PROCESS, "registry_event": REGISTRY, "registry_set": REGISTRY, "registry_add": REGISTRY,
    "registry_delete": REGISTRY, "file_event": FILE, "file_delete": FILE, "file_executable_detected": FILE,
    "create_stream_hash": FILE, "image_load": IMAGE, "driver_load": IMAGE,
}  # fmt: skip
_EVENT_TYPES = {
    "registry_set": {"SetValue"}, "registry_add": {"CreateKey"}, "registry_delete": {"DeleteKey", "DeleteValue"},
    "file_event": {"Create"}, "file_delete": {"Delete"},
}  # fmt: skip
_SYSMON_IDS = {
    "network_connection": {3}, "process_termination": {5}, "create_remote_thread": {8}, "raw_access_thread": {9},
    "process_access": {10}, "file_change": {2}, "pipe_created": {17, 18}, "wmi_event": {19, 20, 21},
    "dns_query": {22}, "clipboard_capture": {24}, "process_tampering": {25},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One Sigma rule, ready to be asked.

    `hunt` is the name its hits carry, `grade` exact or behaviour, `images` the program names one of which an event
    must have (None: any), `fields` what the rule looks at.
    """

    hunt: str
    grade: str
    title: str
    level: Priority
    pack: str
    where: str
    source: str
    test: Test
    images: frozenset[str] | None
    hashes: frozenset[str] | None
    fields: frozenset[str]
    sigma: SigmaRule
    only_in_chains: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """A Sigma correlation rule: several events of one group within a time that mean more than each alone.

    `kind` is value_count or temporal_ordered; `rules` are the names of the rules it counts, in order.
    """

    hunt: str
    title: str
    level: Priority
    kind: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    seconds: int
    count: int
    field: str
    sigma: SigmaCorrelationRule


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules and chains, what excuses events from all but the eight, and sentences about rules that were left out."""

    rules: tuple[Rule, ...]
    chains: tuple[Chain, ...] = ()
    agents: tuple[Rule, ...] = ()
    faults: tuple[str, ...] = ()


def load(packs: Iterable[str], folders: Iterable[Path] = (), lists: Iterable[Path] = ()) -> RuleSet:
    """The shipped rules of some packs, a user's own from folders or files, and a user's own lists of SHA-256.

    Raises:
        RuleError: a shipped rule is broken, or a list holds no SHA-256; a user's own rules that cannot be used are
            named in `faults` and left out.
    """
    packs = tuple(packs)
    shipped_rules, own = _Reading(), _Reading()
    for pack in packs:
        shipped_rules.pack(pack)
    agents = _Reading()
    if set(packs) - {"volt"}:
        agents.pack("allow")
    if faults := shipped_rules.faults + agents.faults:
        raise RuleError(faults[0])
    for folder in folders:
        for file in sorted(folder.rglob("*.y*ml")) if folder.is_dir() else [folder]:
            try:
                own.text(file.read_text(encoding="utf-8"), str(file), "own")
            except (OSError, UnicodeDecodeError) as fault:
                own.faults.append(f"{file}: cannot be read: {fault}")
    for path in lists:
        own.text(_list_rules(path), str(path), "volt")
    return RuleSet(
        rules=(*shipped_rules.rules, *own.rules),
        chains=(*shipped_rules.chains, *own.chains),
        agents=tuple(agents.rules),
        faults=tuple(own.faults),
    )


def listed_hashes(path: Path) -> tuple[str, ...]:
    """Every SHA-256 in a text file, in small letters, each once.

    Raises:
        RuleError: the file cannot be read or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as fault:
        raise RuleError(f"{path}: cannot be read: {fault.strerror}") from None
    found = tuple(dict.fromkeys(re.findall(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text.lower())))
    if not found:
        raise RuleError(f"{path}: holds no SHA-256: write one a line, 64 hexadecimal digits each")
    return found


def _list_rules(path: Path) -> str:
    hashes = "".join(f"    - {value}\n" for value in listed_hashes(path))
    documents = [
        f"title: On your own list\nname: own_{hunt}_{uuid4().hex}\nhunt: {hunt}\ngrade: exact\nlevel: critical\n"
        f"logsource:\n  product: windows\n  category: {category}\n"
        f"detection:\n  file:\n    sha256:\n{hashes}  condition: file\n"
        for hunt, category in (("ioc-executed", "process_creation"), ("ioc-written", "file_event"))
    ]
    return "---\n".join(documents)


def compiled(rule: SigmaRule, where: str, pack: str) -> Rule:
    """One rule made ready.

    Raises:
        RuleError: it uses something the matcher does not know, or a log source that is not Windows.
    """
    own = rule.custom_attributes
    try:
        trees = [condition.parsed for condition in rule.detection.parsed_condition]
    except SigmaError as fault:
        raise RuleError(f"{where}: {rule.title}: {fault}") from None
    source, narrowing = _source(rule, where)
    try:
        tests = [test_of(tree) for tree in trees]
    except (RuleError, NotImplementedError, re.error) as fault:
        raise RuleError(f"{where}: {rule.title}: {fault}") from None
    tests_any: Test = tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)
    test = tests_any if narrowing is None else both(narrowing, tests_any)
    tree = trees[0] if len(trees) == 1 else None
    return Rule(
        hunt=str(own.get("hunt") or rule.name or rule.title),
        grade=str(own.get("grade") or "exact"),
        title=rule.title,
        level=_PRIORITIES[str(rule.level).lower() if rule.level else "medium"],
        pack=pack,
        where=where,
        source=source,
        test=test,
        images=images_of(tree),
        hashes=hashes_of(tree),
        fields=frozenset(fields_of(trees)),
        sigma=rule,
        only_in_chains=str(own.get("only_in_chains", "")).lower() == "true",
    )


class Index:
    """Finds the few rules worth asking about an event: by its kind, its program's name and its hash."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_image: dict[str, dict[str, list[Rule]]] = {}
        self._by_hash: dict[str, dict[str, list[Rule]]] = {}
        self._rest: dict[str, list[Rule]] = {}
        for rule in rules:
            if rule.hashes is not None:
                for value in rule.hashes:
                    self._by_hash.setdefault(rule.source, {}).setdefault(value, []).append(rule)
            elif rule.images is not None:
                for value in rule.images:
                    self._by_image.setdefault(rule.source, {}).setdefault(value, []).append(rule)
            else:
                self._rest.setdefault(rule.source, []).append(rule)
        self._has_services = any(key.startswith("channel:") for key in self._rest) or any(
            key.startswith("channel:") for key in (*self._by_image, *self._by_hash)
        )

    def hits(self, event: Event) -> list[Rule]:
        """Every rule that holds of the event."""
        found: list[Rule] = []
        for source in self._sources(event):
            for rule in self._candidates(source, event):
                if rule.test(event):
                    found.append(rule)
        return found

    def _candidates(self, source: str, event: Event) -> Iterable[Rule]:
        chosen: Iterable[Rule] = self._rest.get(source, ())
        if by_image := self._by_image.get(source):
            image = event.image
            named = by_image.get(image, ())
            original = event.fields.get("OriginalFileName")
            if isinstance(original, str) and (original := original.lower()) != image and original in by_image:
                named = [*named, *(rule for rule in by_image[original] if rule not in named)]
            if named:
                chosen = [*chosen, *named]
        by_hash = self._by_hash.get(source)
        if by_hash:
            value = event.fields.get("sha256")
            if type(value) is str and (listed := by_hash.get(value.lower())):
                chosen = [*chosen, *listed]
        return chosen

    def _sources(self, event: Event) -> tuple[str, ...]:
        first = f"sysmon:{event.event_id}" if event.category == OTHER else event.category
        return (first, f"channel:{event.channel.lower()}") if self._has_services else (first,)


class _Reading:
    """Rules, chains and faults of some files, in the order they were read."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.chains: list[Chain] = []
        self.faults: list[str] = []

    def pack(self, name: str) -> None:
        for entry in sorted((shipped("fingerprints") / "hunts" / name).iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith((".yml", ".yaml")):
                self.text(entry.read_text(encoding="utf-8"), f"fingerprints/hunts/{name}/{entry.name}", name)

    def text(self, text: str, where: str, pack: str) -> None:
        try:
            collection = SigmaCollection.from_yaml(text)
        except Exception as fault:  # pySigma and YAML raise many kinds for a broken file
            self.faults.append(f"{where}: is no Sigma rule: {str(fault).splitlines()[0][:200]}")
            return
        for found in collection.rules:
            try:
                if isinstance(found, SigmaCorrelationRule):
                    self.chains.append(_chain(found, where))
                elif isinstance(found, SigmaRule):
                    self.rules.append(compiled(found, where, pack))
                else:
                    raise RuleError(f"{where}: {found.title}: filters belong into --allow, written as rules")
            except RuleError as fault:
                self.faults.append(str(fault))


def _chain(rule: SigmaCorrelationRule, where: str) -> Chain:
    kind = rule.type.name.lower() if rule.type else ""
    if kind not in ("value_count", "temporal_ordered", "event_count"):
        raise RuleError(f"{where}: {rule.title}: correlations of type {kind} are not looked for here")
    condition = rule.condition
    count = getattr(condition, "count", None)
    operator = getattr(getattr(condition, "op", None), "name", "GTE")
    if operator not in ("GTE", "GT"):
        raise RuleError(f"{where}: {rule.title}: only gte and gt are counted here")
    reference = getattr(condition, "fieldref", None)
    return Chain(
        hunt=str(rule.custom_attributes.get("hunt") or rule.name or rule.title),
        title=rule.title,
        level=_PRIORITIES[str(rule.level).lower() if rule.level else "medium"],
        kind=kind,
        rules=tuple(reference.reference for reference in rule.rules or ()),
        group_by=tuple(rule.group_by or ()),
        seconds=rule.timespan.seconds if rule.timespan else 600,
        count=(int(count) + (operator == "GT")) if count is not None else 0,
        field=str(reference[0] if isinstance(reference, list) else reference or ""),
        sigma=rule,
    )


def _source(rule: SigmaRule, where: str) -> tuple[str, Test | None]:
    """The kind of event a rule is asked about, and what its log source narrows further."""
    source = rule.logsource
    if source.product not in (None, "windows"):
        raise RuleError(f"{where}: {rule.title}: is for {source.product}, and only Windows logs are read here")
    category, service = source.category, source.service
    if category in ("log_cleared", "esent"):
        return category, None
    if category in _CATEGORIES:
        kinds = _EVENT_TYPES.get(category)
        return _CATEGORIES[category], (lambda event: event.text("EventType") in kinds) if kinds else None
    if category in _SYSMON_IDS:
        return f"sysmon:{min(_SYSMON_IDS[category])}", None
    if category and category.startswith("ps_"):
        return "channel:microsoft-windows-powershell/operational", None
    if service:
        return f"channel:{_CHANNELS.get(service, service)}", None
    raise RuleError(f"{where}: {rule.title}: the log source {category or 'without category'} is not known here")


_CHANNELS = {
    "sysmon": "microsoft-windows-sysmon/operational", "powershell": "microsoft-windows-powershell/operational",
    "powershell-classic": "windows powershell", "taskscheduler": "microsoft-windows-taskscheduler/operational",
    "wmi": "microsoft-windows-wmi-activity/operational", "windefend": "microsoft-windows-windows defender/operational",
    "bits-client": "microsoft-windows-bits-client/operational",
    "firewall-as": "microsoft-windows-windows firewall with advanced security/firewall",
    "terminalservices-localsessionmanager": "microsoft-windows-terminalservices-localsessionmanager/operational",
}  # fmt: skip
