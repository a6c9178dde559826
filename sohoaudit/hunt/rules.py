"""Reads Sigma rules through pySigma and turns each into one quick question to an event."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from ..knowledge import shipped
from ..model import Priority
from .event import FILE, IMAGE, OTHER, PROCESS, REGISTRY, Event, fold_literal

Test = Callable[[Event], bool]
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


class RuleError(ValueError):
    """A rule that cannot be evaluated: the file, the rule and why."""


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
        tests = [_test(tree) for tree in trees]
    except (RuleError, NotImplementedError, re.error) as fault:
        raise RuleError(f"{where}: {rule.title}: {fault}") from None
    tests_any: Test = tests[0] if len(tests) == 1 else lambda event: any(test(event) for test in tests)
    test = tests_any if narrowing is None else _both(narrowing, tests_any)
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
        images=_images(tree),
        hashes=_hashes(tree),
        fields=frozenset(_fields(trees)),
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


def _test(tree: object) -> Test:
    if isinstance(tree, (ConditionAND, ConditionOR)):
        is_all = isinstance(tree, ConditionAND)
        rest, tests = _gathered(tree.args, is_all)
        # The questions to one field come first: they are cheap and decide most.
        tests += [_test(argument) for argument in rest]
        return _all(tests) if is_all else _any(tests)
    if isinstance(tree, ConditionNOT):
        inner = _test(tree.args[0])
        return lambda event: not inner(event)
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        return _field_test(tree.field, tree.value)
    if isinstance(tree, ConditionValueExpression):
        return _keyword(tree.value)
    raise RuleError(f"{type(tree).__name__} is not evaluated here")


def _gathered(arguments: Sequence[object], is_all: bool) -> tuple[list[object], list[Test]]:
    """Several plain texts of one field and one kind (equal, part, end, …) as one question, and what is left."""
    rest: list[object] = []
    groups: dict[tuple[str, str], list[str]] = {}
    for argument in arguments:
        kind = _kind_of(argument)
        if kind is None:
            rest.append(argument)
        else:
            groups.setdefault(kind[:2], []).append(kind[2])
    return rest, [_group_test(name, kind, tuple(texts), is_all) for (name, kind), texts in groups.items()]


def _kind_of(leaf: object) -> tuple[str, str, str] | None:
    if not isinstance(leaf, ConditionFieldEqualsValueExpression) or type(leaf.value) is not SigmaString:
        return None
    parts = list(leaf.value.s)
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != 1 or SpecialChars.WILDCARD_SINGLE in parts or not fold_literal(leaf.field, texts[0]):
        return None
    opens, closes = parts[0] is SpecialChars.WILDCARD_MULTI, parts[-1] is SpecialChars.WILDCARD_MULTI
    kind = {(True, True): "part", (True, False): "end", (False, True): "beginning", (False, False): "equal"}
    return leaf.field, kind[opens, closes], fold_literal(leaf.field, texts[0])


def _group_test(name: str, kind: str, texts: tuple[str, ...], is_all: bool) -> Test:
    if is_all and len(texts) > 1:
        if kind == "part":
            return lambda event: _has_all(event.folded(name), texts)
        return _all([_group_test(name, kind, (text,), False) for text in texts])
    if kind == "part":
        if len(texts) == 1:
            only = texts[0]
            return lambda event: only in (event.folded(name) or "")
        return lambda event: _has_any(event.folded(name), texts)
    if kind == "end":
        return lambda event: (event.folded(name) or "").endswith(texts)
    if kind == "beginning":
        return lambda event: (event.folded(name) or "").startswith(texts)
    wanted = frozenset(texts)
    return lambda event: event.folded(name) in wanted


def _has_any(text: str | None, parts: tuple[str, ...]) -> bool:
    if text:
        for part in parts:
            if part in text:
                return True
    return False


def _has_all(text: str | None, parts: tuple[str, ...]) -> bool:
    if not text:
        return False
    for part in parts:  # noqa: SIM110 - a generator costs more than the search
        if part not in text:
            return False
    return True


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        return _both(tests[0], tests[1])
    first, rest = tests[0], _all(tests[1:])
    return lambda event: first(event) and rest(event)


def _both(first: Test, second: Test) -> Test:
    return lambda event: first(event) and second(event)


def _any(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    first, rest = tests[0], _any(tests[1:])
    return lambda event: first(event) or rest(event)


def _field_test(name: str, value: object) -> Test:
    if isinstance(value, SigmaExpansion):
        return _any([_field_test(name, each) for each in value.values])
    if isinstance(value, SigmaNull):
        return lambda event: not event.text(name)
    if isinstance(value, SigmaExists):
        return lambda event: bool(event.text(name)) is value.exists
    if isinstance(value, SigmaCasedString):
        return _cased(name, value)
    if isinstance(value, SigmaString):
        return _text_test(name, value)
    if isinstance(value, SigmaNumber):
        number = str(value.number)
        return lambda event: event.text(name) == number
    if isinstance(value, SigmaBool):
        return lambda event: event.text(name).lower() == str(value.boolean).lower()
    if isinstance(value, SigmaRegularExpression):
        pattern = _pattern(value)
        return lambda event: pattern.search(event.text(name)) is not None
    if isinstance(value, SigmaCIDRExpression):
        network = ipaddress.ip_network(value.cidr, strict=False)
        return lambda event: _within(event.text(name), network)
    if isinstance(value, SigmaCompareExpression):
        return _comparison(name, value)
    if isinstance(value, SigmaFieldReference):
        return lambda event: bool(event.folded(name)) and event.folded(name) == event.folded(value.field)
    raise RuleError(f"{type(value).__name__} of field {name} is not evaluated here")


def _text_test(name: str, value: SigmaString) -> Test:
    """Equality, beginning, end or part, in small letters; other wildcards go piece by piece, in linear time."""
    parts = list(value.s)
    if SpecialChars.WILDCARD_SINGLE in parts:
        pattern = _wildcards(name, parts)
        return lambda event: pattern.fullmatch(event.folded(name) or "") is not None
    pieces = [fold_literal(name, part) for part in parts if isinstance(part, str)]
    opens = bool(parts) and parts[0] is SpecialChars.WILDCARD_MULTI
    closes = bool(parts) and parts[-1] is SpecialChars.WILDCARD_MULTI
    if not pieces:
        # `*` asks for any value, an empty text for none.
        return (lambda event: bool(event.text(name))) if opens else (lambda event: not event.text(name))
    if any(not piece for piece in pieces):
        # Nothing is left of it after folding (a lone quote): compare it unfolded.
        raw = [part.lower() for part in parts if isinstance(part, str)]
        return lambda event: _in_order(event.text(name).lower(), raw, opens, closes)
    if len(pieces) == 1:
        kind = "part" if opens and closes else "end" if opens else "beginning" if closes else "equal"
        return _group_test(name, kind, (pieces[0],), False)
    return lambda event: _in_order(event.folded(name) or "", pieces, opens, closes)


def _in_order(text: str, pieces: list[str], opens: bool, closes: bool) -> bool:
    if not opens and not text.startswith(pieces[0]):
        return False
    end = len(text)
    if not closes:
        if not text.endswith(pieces[-1]):
            return False
        end -= len(pieces[-1])
    at = 0
    for piece in pieces if closes else pieces[:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _cased(name: str, value: SigmaString) -> Test:
    pieces = [part for part in value.s if isinstance(part, str)]
    if SpecialChars.WILDCARD_SINGLE in value.s:
        raise RuleError(f"a cased text with ? of field {name} is not evaluated here")
    opens = value.s[0] is SpecialChars.WILDCARD_MULTI
    closes = value.s[-1] is SpecialChars.WILDCARD_MULTI
    if len(pieces) == 1 and not opens and not closes:
        return lambda event: event.text(name) == pieces[0]
    return lambda event: _in_order(event.text(name), pieces, opens, closes)


def _keyword(value: object) -> Test:
    if not isinstance(value, SigmaString):
        value = SigmaString(str(value))
    needles = [part.lower() for part in value.s if isinstance(part, str)]

    def holds(event: Event) -> bool:
        return any(_in_order(str(text).lower(), needles, True, True) for text in event.fields.values() if text)

    return holds


def _wildcards(name: str, parts: Sequence[object]) -> "re.Pattern[str]":
    written = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    text = "".join(
        re.escape(fold_literal(name, part)) if isinstance(part, str) else written[part]  # type: ignore[index]
        for part in parts
    )
    return _linear(f"(?s){text}")


def _pattern(value: SigmaRegularExpression) -> "re.Pattern[str]":
    marks = {
        SigmaRegularExpressionFlag.IGNORECASE: "i",
        SigmaRegularExpressionFlag.MULTILINE: "m",
        SigmaRegularExpressionFlag.DOTALL: "s",
    }
    flags = "".join(sorted(marks[flag] for flag in value.flags))
    text = str(value.regexp)
    return _linear(f"(?{flags}){text}" if flags else text)


def _linear(text: str) -> "re.Pattern[str]":
    """The pattern on RE2 where that is installed: a rule of a stranger must not be able to stall on a long line."""
    try:
        import re2
    except ImportError:
        return re.compile(text)
    try:
        compiled_pattern: re.Pattern[str] = re2.compile(text)
    except re2.error as fault:
        raise RuleError(f"the regular expression needs what a linear engine does not have: {fault}") from None
    return compiled_pattern


def _within(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(text.split("%")[0]) in network
    except ValueError:
        return False


def _comparison(name: str, value: SigmaCompareExpression) -> Test:
    wanted = float(value.number.number)
    holds: dict[CompareOperators, Callable[[float], bool]] = {
        CompareOperators.LT: lambda number: number < wanted,
        CompareOperators.LTE: lambda number: number <= wanted,
        CompareOperators.GT: lambda number: number > wanted,
        CompareOperators.GTE: lambda number: number >= wanted,
    }
    if value.op not in holds:
        raise RuleError(f"the comparison of field {name} is not evaluated here")
    compare = holds[value.op]

    def test(event: Event) -> bool:
        try:
            return compare(float(event.text(name)))
        except ValueError:
            return False

    return test


def _images(tree: object) -> frozenset[str] | None:
    """Program names one of which any matching event has; None where the rule does not say."""
    return _needed(tree, _image_of)


def _hashes(tree: object) -> frozenset[str] | None:
    return _needed(tree, _hash_of)


def _needed(tree: object, of: Callable[[str, object], str | None]) -> frozenset[str] | None:
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        if isinstance(tree.value, SigmaExpansion):
            return None
        found = of(tree.field, tree.value)
        return frozenset({found}) if found else None
    if isinstance(tree, ConditionAND):
        known = [needed for argument in tree.args if (needed := _needed(argument, of)) is not None]
        return min(known, key=len, default=None)
    if isinstance(tree, ConditionOR):
        every = [_needed(argument, of) for argument in tree.args]
        return None if any(needed is None for needed in every) else frozenset().union(*(n for n in every if n))
    return None


def _image_of(name: str, value: object) -> str | None:
    if name not in ("Image", "OriginalFileName") or type(value) is not SigmaString:
        return None
    parts = list(value.s)
    if name == "OriginalFileName":
        return parts[0].lower() if len(parts) == 1 and isinstance(parts[0], str) else None
    last = parts[-1] if parts else None
    if not isinstance(last, str) or "\\" not in last:
        return None
    return last.lower().rpartition("\\")[2] or None


def _hash_of(name: str, value: object) -> str | None:
    plain = name == "sha256" and type(value) is SigmaString and not value.contains_special()
    return str(value).lower() if plain else None


def _fields(trees: Iterable[object]) -> Iterator[str]:
    for tree in trees:
        if isinstance(tree, ConditionFieldEqualsValueExpression):
            yield tree.field
        elif isinstance(tree, (ConditionAND, ConditionOR, ConditionNOT)):
            yield from _fields(tree.args)
