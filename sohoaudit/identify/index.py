"""Finds the fingerprints that match: from a field to its patterns, through their literals, to who wants them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from ..knowledge import patterns
from ..knowledge.fingerprints import Condition, Fingerprint, Fingerprints, covers, is_glob

CACHE_SIZE = 4096
CACHED_TEXT_LIMIT_CHARS = 4096
_TEXT_LIMIT_CHARS = 200

Key = tuple[str, str]  # the field of a condition, and one of its patterns
Found = Mapping[Key, patterns.Groups]


@dataclass(frozen=True, slots=True)
class Hit:
    """One fingerprint that matched: the groups it named, and where and on what text it did."""

    fingerprint: Fingerprint
    groups: Mapping[str, str]
    field: str
    text: str


class Index:
    """All fingerprints by field; the patterns of a field are gathered when it is first seen, compiled when needed."""

    def __init__(self, fingerprints: Fingerprints, engine: patterns.Engine) -> None:
        """Sorts the fingerprints by field and compiles nothing yet."""
        self._engine = engine
        self._all = fingerprints.all
        self._wanting: dict[Key, list[Fingerprint]] = {}
        self._by_field: dict[str, dict[str, None]] = {}
        for one in fingerprints.all:
            anchor = one.when[0]
            self._wanting.setdefault((anchor.field, anchor.patterns[0]), []).append(one)
            for condition in one.when:
                self._by_field.setdefault(condition.field, {}).update(dict.fromkeys(condition.patterns))
        self._globs = [name for name in self._by_field if is_glob(name)]
        self._literals = _Literals(fingerprints, engine)
        self._sets: dict[tuple[str, ...], _FieldPatterns] = {}
        self._fields: dict[str, _FieldPatterns | None] = {}
        self._compiled = cache(engine.compile)

    def hits(self, fields: Mapping[str, str]) -> list[Hit]:
        """Every fingerprint that matches these fields of one endpoint, once."""
        found = self._found(fields)
        hits: dict[int, Hit] = {}
        for keys in found.values():
            for key in keys:
                for one in self._wanting.get(key, ()):
                    if id(one) not in hits and (hit := self._hit(one, fields, found)):
                        hits[id(one)] = hit
        return list(hits.values())

    def missed(self, fields: Mapping[str, str]) -> Iterator[tuple[Fingerprint, str]]:
        """Every fingerprint of which only a part matches, with what was missing."""
        found = self._found(fields)
        seen = {key for keys in found.values() for key in keys}
        matched = {id(hit.fingerprint) for hit in self.hits(fields)}
        for one in self._all:
            wanted = [(condition.field, pattern) for condition in one.when for pattern in condition.patterns]
            missing = [f"{field} has no {pattern}" for field, pattern in wanted if (field, pattern) not in seen]
            if id(one) not in matched and len(missing) < len(wanted):
                excluded = [f"{c.field} has {pattern}, which is excluded" for c in one.unless for pattern in c.patterns]
                yield one, "; ".join(missing or excluded)

    def _found(self, fields: Mapping[str, str]) -> dict[str, Found]:
        found: dict[str, Found] = {}
        for name, value in fields.items():
            known = self._patterns_of(name)
            if known is not None and (keys := known.found(value)):
                found[name] = keys
        return found

    def _patterns_of(self, name: str) -> "_FieldPatterns | None":
        try:
            return self._fields[name]
        except KeyError:
            pass
        fields = tuple(field for field in (name, *self._globs) if field in self._by_field and covers(field, name))
        known = self._sets.get(fields)
        if known is None and fields:
            keys = [(field, pattern) for field in fields for pattern in self._by_field[field]]
            known = self._sets[fields] = _FieldPatterns(keys, self._literals, self._engine, self._compiled)
        if len(self._fields) < CACHE_SIZE:
            self._fields[name] = known
        return known

    def _hit(self, one: Fingerprint, fields: Mapping[str, str], found: Mapping[str, Found]) -> Hit | None:
        groups: dict[str, str] = {}
        place = text = ""
        for condition in one.when:
            name = _satisfying(condition, found)
            if name is None:
                return None
            for pattern in condition.patterns:
                groups.update(found[name][condition.field, pattern])
                if not place:
                    place, text = name, groups[""]
        if any(self._is_there(condition, fields) for condition in one.unless):
            return None
        return Hit(one, groups, place, text[:_TEXT_LIMIT_CHARS])

    def _is_there(self, condition: Condition, fields: Mapping[str, str]) -> bool:
        """Whether a field that a fingerprint excludes is there with all of its patterns."""
        for name, value in fields.items():
            if covers(condition.field, name):
                text = self._engine.prepare(value)
                if all(self._compiled(pattern).find(text) for pattern in condition.patterns):
                    return True
        return False


class _Literals:
    """The literals of all patterns in one automaton, made at the first question and warm for every field after it."""

    def __init__(self, fingerprints: Fingerprints, engine: patterns.Engine) -> None:
        self._fingerprints, self._engine = fingerprints, engine
        self._numbers: dict[str, int] = {}
        self._set: patterns.LiteralSet | None = None

    def needed(self, pattern: str) -> list[int]:
        """The numbers of the literals of which a text must hold at least one for the pattern to be found."""
        self._made()
        return [self._numbers[literal] for literal in self._of(pattern)]

    def in_text(self, text: str) -> Sequence[int]:
        """The numbers of all literals that a text holds, in either case."""
        return self._made().matching(self._engine.prepare(text.lower()))

    def _of(self, pattern: str) -> Sequence[str]:
        needs = self._fingerprints.needs
        return needs[pattern] if pattern in needs else patterns.needed(pattern)

    def _made(self) -> patterns.LiteralSet:
        if self._set is None:
            wanted = (pattern for one in self._fingerprints.all for c in one.when for pattern in c.patterns)
            texts = dict.fromkeys(literal for pattern in wanted for literal in self._of(pattern))
            self._numbers = {literal: number for number, literal in enumerate(texts)}
            self._set = self._engine.literals(list(texts))
        return self._set


class _FieldPatterns:
    """The patterns of one field by the literals they need, with a memory for short values."""

    def __init__(
        self,
        keys: Sequence[Key],
        literals: _Literals,
        engine: patterns.Engine,
        compiled: Callable[[str], patterns.Pattern],
    ) -> None:
        self._literals, self._engine, self._compiled = literals, engine, compiled
        self._always: list[Key] = []
        self._by_literal: dict[int, list[Key]] = {}
        for key in keys:
            numbers = literals.needed(key[1])
            for number in numbers:
                self._by_literal.setdefault(number, []).append(key)
            if not numbers:
                self._always.append(key)
        self._seen: OrderedDict[str, Found] = OrderedDict()

    def found(self, value: str) -> Found:
        known = self._seen.get(value)
        if known is None:
            text = self._engine.prepare(value)
            known = {key: groups for key in self._candidates(value) if (groups := self._compiled(key[1]).find(text))}
            if len(value) <= CACHED_TEXT_LIMIT_CHARS:
                self._seen[value] = known
                if len(self._seen) > CACHE_SIZE:
                    self._seen.popitem(last=False)
        return known

    def _candidates(self, value: str) -> Iterable[Key]:
        candidates = dict.fromkeys(self._always)
        for number in self._literals.in_text(value):
            for key in self._by_literal.get(number, ()):
                candidates[key] = None
        return candidates


def _satisfying(condition: Condition, found: Mapping[str, Found]) -> str | None:
    """The first field that the condition means and in which all of its patterns were found."""
    field = condition.field
    names = found if is_glob(field) else (field,) if field in found else ()
    for name in names:
        keys = found[name]
        if all((field, pattern) in keys for pattern in condition.patterns):
            return name
    return None
