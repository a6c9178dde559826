"""Finds the fingerprints that match: from a field to its patterns, through their literals, to who wants them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

from ..knowledge import patterns
from ..knowledge.fingerprints import Condition, Fingerprint, Fingerprints, covers, is_glob

CACHE_SIZE = 4096
CACHED_TEXT_LIMIT_CHARS = 512
_TEXT_LIMIT_CHARS = 200
_PAGE_LIMIT_CHARS, _VALUE_LIMIT_CHARS = 65_536, 4_096
# How much one value may cost: a page of 64 KB is searched for 24 patterns, a banner for thousands. Only a page that
# lists makers by the hundred asks for more, and then the longest words that it holds decide which.
_WORDS_LIMIT = 192
_SEARCHED_LIMIT_CHARS = 24 * _PAGE_LIMIT_CHARS

Key = tuple[str, str]  # the field of a condition, and one of its patterns
Found = Mapping[Key, patterns.Groups]


class Hit(NamedTuple):
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
        self._wanting: dict[Key, tuple[list[Fingerprint], list[Fingerprint]]] = {}
        for one in fingerprints.all:
            anchor = one.when[0]
            simple, others = self._wanting.setdefault((anchor.field, anchor.patterns[0]), ([], []))
            is_simple = len(one.when) == 1 and len(anchor.patterns) == 1 and not one.unless
            (simple if is_simple else others).append(one)
        self._plain, self._globs = _by_part({c.field: None for one in fingerprints.all for c in one.when})
        self._excluding = tuple({condition.field for one in fingerprints.all for condition in one.unless})
        self._matters: dict[str, bool] = {}
        self._literals = cache(lambda: _Literals(fingerprints, engine))
        self._sets: dict[tuple[str, ...], _FieldPatterns] = {}
        self._fields: dict[str, _FieldPatterns | None] = {}
        self._compiled = cache(engine.compile)

    def hits(self, fields: Mapping[str, str]) -> list[Hit]:
        """Every fingerprint that matches these fields of one endpoint, once."""
        found = self._found(fields)
        if not found:
            return []
        hits: dict[int, Hit] = {}
        for name, keys in found.items():
            for key, groups in keys.items():
                simple, others = self._wanting.get(key, _NOBODY)
                for one in simple:
                    if id(one) not in hits:
                        hits[id(one)] = Hit(one, groups, name, groups[""][:_TEXT_LIMIT_CHARS])
                for one in others:
                    if id(one) not in hits and (hit := self._hit(one, fields, found)):
                        hits[id(one)] = hit
        return list(hits.values())

    def read(self, fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Those of the fields that any fingerprint looks at; answers with the same ones have the same hits."""
        matters = self._matters
        for name in fields:
            if name not in matters:
                if len(matters) >= CACHE_SIZE:
                    matters.clear()
                is_matched = self._patterns_of(name) is not None
                matters[name] = is_matched or any(covers(field, name) for field in self._excluding)
        return tuple([one for one in fields.items() if matters.get(one[0], True)])

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
            known = self._fields[name] if name in self._fields else self._patterns_of(name)
            if known is not None and (keys := known.found(value)):
                found[name] = keys
        return found

    def _patterns_of(self, name: str) -> "_FieldPatterns | None":
        """The patterns of one field, None where there are none; those of the first thousands of names are kept."""
        meant = [
            *self._plain.get(name, ()),
            *(f for glob, fields in self._globs if _is_meant(glob, name) for f in fields),
        ]
        fields = tuple(dict.fromkeys(meant))
        known = self._sets.get(fields)
        if known is None and fields:
            literals, engine, compiled = self._literals(), self._engine, self._compiled
            known = self._sets[fields] = _FieldPatterns(fields, limit_of(name), literals, engine, compiled)
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
                text = self._engine.prepare(value[: limit_of(name)])
                if all(self._compiled(pattern).find(text) for pattern in condition.patterns):
                    return True
        return False


class _Literals:
    """The literals of all patterns in one automaton, made at the first question for every field."""

    def __init__(self, fingerprints: Fingerprints, engine: patterns.Engine) -> None:
        by_literal: dict[str, list[Key]] = {}
        needs = fingerprints.needs
        keys = dict.fromkeys((c.field, text) for one in fingerprints.all for c in one.when for text in c.patterns)
        mute = {
            (c.field, text)
            for one in fingerprints.all
            if not _asks_for_maker(one)
            for c in one.when
            for text in c.patterns
        }
        # By the field of their condition, the patterns that need no literal, and those of them that need a maker.
        self.always: dict[str, list[Key]] = {}
        self.telling: dict[str, list[Key]] = {}
        for key in keys:
            needed = needs[key[1]] if key[1] in needs else patterns.needed(key[1])
            for literal in needed:
                by_literal.setdefault(literal, []).append(key)
            if not needed:
                is_telling = "(?P<vendor>" in key[1] and key not in mute
                (self.telling if is_telling else self.always).setdefault(key[0], []).append(key)
        self._names = frozenset(fingerprints.spellings)
        self._beginnings = {name[:end] for name in self._names for end in range(1, len(name) + 1)}
        longest_first = sorted(sorted(by_literal), key=len, reverse=True)
        self.by_literal = [by_literal[literal] for literal in longest_first]
        self.matching = engine.literals(longest_first).matching

    def names_a_maker(self, lowered: str) -> bool:
        """Whether any word of a text may begin a maker's name that we know; the next word must carry it on."""
        words = _WORD.findall(lowered)
        begun = self._beginnings.intersection(words)
        if not begun or not begun.isdisjoint(self._names):
            return bool(begun)
        return any(word + after in self._beginnings for word, after in pairwise(words) if word in begun)


class _FieldPatterns:
    """The patterns that a field of an observation is searched for, with a memory for short values."""

    def __init__(
        self,
        fields: Sequence[str],
        limit_chars: int,
        literals: _Literals,
        engine: patterns.Engine,
        compiled: Callable[[str], patterns.Pattern],
    ) -> None:
        self._fields, self._limit_chars = frozenset(fields), limit_chars
        self._all_by_literal, self._matching = literals.by_literal, literals.matching
        self._prepare, self._compiled = engine.prepare, compiled
        self._always = dict.fromkeys(key for field in fields for key in literals.always.get(field, ()))
        self._telling = dict.fromkeys(key for field in fields for key in literals.telling.get(field, ()))
        self._names_a_maker = literals.names_a_maker
        self._met: set[int] = set()  # the literals that were seen in this field
        self._wanted: set[int] = set()  # and those of them that its patterns want
        self._by_literal: dict[int, dict[Key, None]] = {}
        self._seen: dict[str, Found] = {}

    def found(self, value: str) -> Found:
        known = self._seen.get(value)
        if known is None:
            known = self._search(value)
            if len(value) <= CACHED_TEXT_LIMIT_CHARS:
                if len(self._seen) >= CACHE_SIZE:
                    self._seen.clear()
                self._seen[value] = known
        return known

    def _search(self, value: str) -> Found:
        value = value[: self._limit_chars]
        lowered = value.lower()
        candidates = self._candidates(self._matching(lowered))
        if self._telling and self._names_a_maker(lowered):
            candidates = {**self._telling, **candidates}
        if not candidates:
            return _NOTHING
        if len(candidates) * len(value) > _SEARCHED_LIMIT_CHARS:
            candidates = dict.fromkeys(islice(candidates, _SEARCHED_LIMIT_CHARS // len(value)))
        text, compiled = self._prepare(value), self._compiled
        return {key: groups for key in candidates if (groups := compiled(key[1]).find(text))}

    def _candidates(self, numbers: Collection[int]) -> Mapping[Key, None]:
        """The patterns that need none of the literals, and those that need one of these, the longest first."""
        if not self._met.issuperset(numbers):
            self._meet(numbers)
        wanted = self._wanted.intersection(numbers)
        if not wanted:
            return self._always
        candidates = self._always.copy()
        for number in sorted(wanted)[:_WORDS_LIMIT]:
            candidates.update(self._by_literal[number])
        return candidates

    def _meet(self, numbers: Iterable[int]) -> None:
        """Remember which patterns of this field want literals that were not seen in it before."""
        fields = self._fields
        for number in numbers:
            if number not in self._met:
                self._met.add(number)
                keys = {key: None for key in self._all_by_literal[number] if key[0] in fields}
                if keys:
                    self._by_literal[number] = keys
                    self._wanted.add(number)


def _asks_for_maker(one: Fingerprint) -> bool:
    """Whether a fingerprint claims nothing where the name that it reads is no maker's that we know."""
    is_told = (
        one.vendor is None and "vendor" not in one.transforms and all(name != "vendor" for name, _ in one.settings)
    )
    return is_told and not one.then_ask


def limit_of(field: str) -> int:
    """How many characters of a field's value are looked at: of a page more than of what stands in one line."""
    return _PAGE_LIMIT_CHARS if field.startswith("http.body") else _VALUE_LIMIT_CHARS


_WORD = re.compile(r"[^\W_]+")  # as `plain_name` has them
_NOTHING: Found = {}
_NOBODY: tuple[list[Fingerprint], list[Fingerprint]] = ([], [])


def _by_part(fields: Mapping[str, object]) -> tuple[dict[str, list[str]], list[tuple[list[str], list[str]]]]:
    """The fields of conditions by the plain names that they mean, and by what stands around the stars of a glob."""
    plain: dict[str, list[str]] = {}
    globs: dict[str, list[str]] = {}
    for field in fields:
        for part in field.split("|"):
            (globs if "*" in part else plain).setdefault(part, []).append(field)
    return plain, [(part.split("*"), meant) for part, meant in globs.items()]


def _is_meant(glob: Sequence[str], name: str) -> bool:
    """As `covers`, without compiling sixty globs before the first answer."""
    first, *between, last = glob
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    place, end = len(first), len(name) - len(last)
    for text in between:
        found = name.find(text, place, end)
        if found < 0:
            return False
        place = found + len(text)
    return True


def _satisfying(condition: Condition, found: Mapping[str, Found]) -> str | None:
    """The first field that the condition means and in which all of its patterns were found."""
    field = condition.field
    names = found if is_glob(field) else (field,) if field in found else ()
    for name in names:
        keys = found[name]
        if all((field, pattern) in keys for pattern in condition.patterns):
            return name
    return None
