"""Recognises devices: fingerprints become matches, matches become claims, and claims are merged into one identity."""

import html
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import unquote

from ..knowledge import patterns
from ..knowledge.fingerprints import (
    ATTRIBUTES,
    Condition,
    Fingerprint,
    Fingerprints,
    covers,
    is_glob,
    plain_name,
    questions,
)
from ..model import Certainty, Endpoint, Identity, Observation
from . import merge
from .merge import Claim

_VALUE_LIMIT_CHARS = 100
_TEXT_LIMIT_CHARS = 200
_CACHE_SIZE = 4096
_CACHED_TEXT_LIMIT_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """A follow-up question for one endpoint: a `path` to GET, the `name` of one in questions.yaml, or an `oid`."""

    endpoint: Endpoint
    path: str | None = None
    name: str | None = None
    oid: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a fingerprint matched, or what kept it from matching when a part of it did."""

    fingerprint: Fingerprint
    endpoint: Endpoint
    is_match: bool
    why: str


@dataclass(frozen=True, slots=True)
class _Record:
    """All fields that one endpoint gave."""

    endpoint: Endpoint
    is_from_outside: bool
    fields: Mapping[str, str]


class Identifier:
    """Recognises devices by a set of fingerprints; keep one for a whole run, it remembers what it has seen."""

    def __init__(self, fingerprints: Fingerprints, engine: patterns.Engine | None = None) -> None:
        """Prepares nothing yet: the patterns of a field are compiled when the field is first seen."""
        self._fingerprints = fingerprints
        self._engine = engine or patterns.engine()
        self._index = _Index(fingerprints.all, self._engine)
        self._claimed: OrderedDict[tuple[tuple[str, str], ...], tuple[Claim, ...]] = OrderedDict()

    def identify(self, observations: Iterable[Observation]) -> Identity | None:
        """Who the device behind these observations is, or None where nothing was recognised.

        All observations must belong to one device; those of one endpoint are looked at together.
        """
        claims: list[Claim] = []
        for number, record in enumerate(_records(observations)):
            claims.extend(claim.at(number, record.is_from_outside) for claim in self._claims(record))
        return merge.merge(claims, self._fingerprints.makers) if claims else None

    def questions(self, observations: Iterable[Observation]) -> list[Question]:
        """The follow-up questions that the fingerprints name and that nobody has asked yet, each once.

        A question over HTTP goes to the endpoint that was matched, or, where that does not speak HTTP, to those of the
        same address that do. An OID goes to UDP port 161.
        """
        records = list(_records(observations))
        asked: dict[Question, None] = {}
        for record in records:
            for hit in self._index.hits(record.fields):
                for text in hit.fingerprint.then_ask:
                    for question, known in _questions(text, record, records):
                        if not _is_answered(question, known.fields):
                            asked[question] = None
        return list(asked)

    def explain(self, observations: Iterable[Observation]) -> list[Explanation]:
        """Every fingerprint that matched, and those of which only a part did, with what was missing."""
        explanations: list[Explanation] = []
        for record in _records(observations):
            explanations.extend(self._index.explain(record.endpoint, record.fields))
        return explanations

    def _claims(self, record: _Record) -> tuple[Claim, ...]:
        key = tuple(record.fields.items())
        claims = self._claimed.get(key)
        if claims is None:
            claims = tuple(claim for hit in self._index.hits(record.fields) for claim in self._claims_of(hit))
            if sum(len(value) for value in record.fields.values()) <= _CACHED_TEXT_LIMIT_CHARS:
                self._claimed[key] = claims
                if len(self._claimed) > _CACHE_SIZE:
                    self._claimed.popitem(last=False)
        return claims

    def _claims_of(self, hit: "_Hit") -> Iterator[Claim]:
        """What one match says of a device, attribute by attribute."""
        one, values = hit.fingerprint, self._values(hit)
        vendor = self._vendor(one, values)
        if vendor is None and (one.vendor or "vendor" in values or "vendor" in dict(one.settings)):
            return
        # A name the device gave belongs to the hardware, the name of the file to the fork that runs on it.
        is_hardware = one.fork is None or "vendor" in values
        values.pop("vendor", None)
        claims = dict(values)
        if vendor:
            claims["vendor"] = vendor
        if one.fork:
            claims.setdefault("fork", one.fork)
        place = (one.title, hit.field, hit.text, vendor, one.fork, is_hardware, one.traits)
        rank = (one.is_users_own, len(one.when))
        for attribute, value in claims.items():
            is_partial = one.is_partial and attribute == "firmware"
            yield Claim(attribute, value, one.certainty_of(attribute), *place, is_partial=is_partial, rank=rank)
        if not claims and one.traits:
            yield Claim("trait", one.traits[0], one.certainty, *place)
        if vendor and one.kind and "kind" not in claims:
            # What a maker mostly makes: never more than likely, and any fingerprint that says the kind wins.
            yield Claim("kind", one.kind, min(Certainty.LIKELY, one.certainty_of("kind"), key=_weight), *place)

    def _vendor(self, one: Fingerprint, values: Mapping[str, str]) -> str | None:
        """The maker as this project spells it; None where the name a device gave is nobody's we know."""
        told = values.get("vendor")
        if told is None:
            return one.vendor
        return self._fingerprints.spellings.get(_plain(told))

    def _values(self, hit: "_Hit") -> dict[str, str]:
        """Each attribute's value after templates and transforms; empty and overlong ones are dropped."""
        one = hit.fingerprint
        values = {name: value for name, value in hit.groups.items() if name in ATTRIBUTES}
        for attribute, template in one.settings:
            if "{" in template:
                if all(hit.groups.get(name) for name in _names(template)):
                    values[attribute] = template.format_map({name: hit.groups[name] for name in _names(template)})
            else:
                values[attribute] = template
        finished = {}
        for attribute, value in values.items():
            changed: str | None = value
            for step, word in one.transforms.get(attribute, ()):
                changed = _transformed(changed, step, word, self._fingerprints.tables) if changed else None
            clean = " ".join(changed.split()) if changed else ""
            if clean and len(clean) <= _VALUE_LIMIT_CHARS:
                finished[attribute] = clean
        return finished


@dataclass(frozen=True, slots=True)
class _Hit:
    """One fingerprint that matched: the groups it named, and where and on what text it did."""

    fingerprint: Fingerprint
    groups: Mapping[str, str]
    field: str
    text: str


class _Index:
    """Leads from a field to its patterns, and from a pattern that was found to the fingerprints that want it."""

    def __init__(self, fingerprints: Sequence[Fingerprint], engine: patterns.Engine) -> None:
        self._engine = engine
        self._wanting: dict[tuple[str, str], list[Fingerprint]] = {}
        self._by_field: dict[str, dict[str, None]] = {}
        for one in fingerprints:
            anchor = one.when[0]
            self._wanting.setdefault((anchor.field, anchor.patterns[0]), []).append(one)
            for condition in one.when:
                self._by_field.setdefault(condition.field, {}).update(dict.fromkeys(condition.patterns))
        self._globs = [name for name in self._by_field if is_glob(name)]
        self._sets: dict[tuple[str, ...], _FieldPatterns] = {}
        self._fields: dict[str, _FieldPatterns | None] = {}
        self._compiled = lru_cache(maxsize=None)(engine.compile)

    def hits(self, fields: Mapping[str, str]) -> list[_Hit]:
        """Every fingerprint that matches these fields of one endpoint, once."""
        found = self._found(fields)
        hits: dict[str, _Hit] = {}
        for pairs in found.values():
            for pair in pairs:
                for one in self._wanting.get(pair, ()):
                    if one.title not in hits and (hit := self._hit(one, fields, found)):
                        hits[one.title] = hit
        return list(hits.values())

    def explain(self, endpoint: Endpoint, fields: Mapping[str, str]) -> Iterator[Explanation]:
        found = self._found(fields)
        seen = {pair for pairs in found.values() for pair in pairs}
        matched = {hit.fingerprint.title for hit in self.hits(fields)}
        everything = {one.title: one for wanting in self._wanting.values() for one in wanting}
        for one in everything.values():
            missing = [
                f"{condition.field} has no {pattern}"
                for condition in one.when
                for pattern in condition.patterns
                if (condition.field, pattern) not in seen
            ]
            wanted = sum(len(condition.patterns) for condition in one.when)
            if one.title in matched:
                yield Explanation(
                    one, endpoint, True, "; ".join(f"{c.field} has {p}" for c in one.when for p in c.patterns)
                )
            elif len(missing) < wanted:
                blocked = [f"{c.field} has {p}, which is excluded" for c in one.unless for p in c.patterns]
                yield Explanation(one, endpoint, False, "; ".join(missing or blocked))

    def _found(self, fields: Mapping[str, str]) -> dict[str, frozenset[tuple[str, str]]]:
        found = {}
        for name, value in fields.items():
            index = self._patterns_of(name)
            if index is not None and (pairs := index.found(value)):
                found[name] = pairs
        return found

    def _patterns_of(self, name: str) -> "_FieldPatterns | None":
        try:
            return self._fields[name]
        except KeyError:
            keys = ([name] if name in self._by_field else []) + [glob for glob in self._globs if covers(glob, name)]
            index = None
            if keys:
                index = self._sets.get(tuple(keys))
                if index is None:
                    pairs = [(key, pattern) for key in keys for pattern in self._by_field[key]]
                    index = self._sets[tuple(keys)] = _FieldPatterns(pairs, self._engine)
            if len(self._fields) < _CACHE_SIZE:
                self._fields[name] = index
            return index

    def _hit(
        self, one: Fingerprint, fields: Mapping[str, str], found: Mapping[str, frozenset[tuple[str, str]]]
    ) -> _Hit | None:
        groups: dict[str, str] = {}
        first: tuple[str, str] | None = None
        for condition in one.when:
            name = _satisfying(condition, found)
            if name is None:
                return None
            for pattern in condition.patterns:
                match = self._compiled(pattern).search(fields[name])
                if match is None:
                    return None
                for group in self._groups(pattern):
                    if value := match.group(group):
                        groups[group] = value
                if first is None:
                    first = (name, match.group() or "")
        if first is None or any(self._is_there(condition, fields) for condition in one.unless):
            return None
        return _Hit(one, groups, first[0], first[1][:_TEXT_LIMIT_CHARS])

    def _groups(self, pattern: str) -> tuple[str, ...]:
        return _groups_of(pattern)

    def _is_there(self, condition: Condition, fields: Mapping[str, str]) -> bool:
        """Whether a field that a fingerprint excludes is there with all of its patterns."""
        return any(
            covers(condition.field, name)
            and all(self._compiled(pattern).search(value) for pattern in condition.patterns)
            for name, value in fields.items()
        )


class _FieldPatterns:
    """The patterns of one field behind one prefilter, with a memory for short values."""

    def __init__(self, pairs: Sequence[tuple[str, str]], engine: patterns.Engine) -> None:
        self._pairs = pairs
        self._set = engine.together([pattern for _, pattern in pairs])
        self._seen: OrderedDict[str, frozenset[tuple[str, str]]] = OrderedDict()

    def found(self, value: str) -> frozenset[tuple[str, str]]:
        known = self._seen.get(value)
        if known is None:
            known = frozenset([self._pairs[number] for number in self._set.matching(value)])
            if len(value) <= _CACHED_TEXT_LIMIT_CHARS:
                self._seen[value] = known
                if len(self._seen) > _CACHE_SIZE:
                    self._seen.popitem(last=False)
        return known


def _satisfying(condition: Condition, found: Mapping[str, frozenset[tuple[str, str]]]) -> str | None:
    """The first field that the condition means and in which all of its patterns were found."""
    wanted = [(condition.field, pattern) for pattern in condition.patterns]
    if not is_glob(condition.field):
        pairs = found.get(condition.field)
        return condition.field if pairs and all(pair in pairs for pair in wanted) else None
    return next((name for name, pairs in found.items() if all(pair in pairs for pair in wanted)), None)


@cache
def _groups_of(pattern: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\(\?P<(\w+)>", pattern))


@cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\{(\w+)\}", template))


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return plain_name(text)


def _records(observations: Iterable[Observation]) -> Iterator[_Record]:
    """The observations endpoint by endpoint; what one field gave twice stands in two lines."""
    by_endpoint: dict[Endpoint, list[Observation]] = {}
    for observation in observations:
        by_endpoint.setdefault(observation.endpoint, []).append(observation)
    for endpoint, group in by_endpoint.items():
        is_from_outside = any(observation.vantage != "lan" for observation in group)
        if len(group) == 1:
            yield _Record(endpoint, is_from_outside, group[0].fields)
            continue
        fields: dict[str, str] = {}
        for observation in group:
            for name, value in observation.fields.items():
                if name not in fields:
                    fields[name] = value
                elif value not in fields[name].split("\n"):
                    fields[name] += "\n" + value
        yield _Record(endpoint, is_from_outside, fields)


def _questions(text: str, record: _Record, records: Sequence[_Record]) -> Iterator[tuple[Question, _Record]]:
    """The questions that one `then_ask` means, each with the record of the endpoint it goes to."""
    if text.startswith("snmp:"):
        from ..model import Transport

        endpoint = Endpoint(record.endpoint.address, 161, Transport.UDP)
        known = next((one for one in records if one.endpoint == endpoint), record)
        yield Question(known.endpoint if known is not record else endpoint, oid=text.removeprefix("snmp:")), known
        return
    if _speaks_http(record):
        targets: Iterable[_Record] = (record,)
    else:
        targets = (one for one in records if one.endpoint.address == record.endpoint.address and _speaks_http(one))
    for target in targets:
        if text.startswith("/"):
            yield Question(target.endpoint, path=text), target
        else:
            yield Question(target.endpoint, name=text), target


def _speaks_http(record: _Record) -> bool:
    return any(name.startswith("http.") for name in record.fields)


def _is_answered(question: Question, fields: Mapping[str, str]) -> bool:
    if question.path is not None:
        return f"http.body@{question.path}" in fields
    if question.oid is not None:
        return f"snmp.{question.oid}" in fields
    answer = questions()[question.name or ""].answer
    return any(name == answer or (answer.endswith(".") and name.startswith(answer)) for name in fields)


def _transformed(value: str, step: str, word: str, tables: Mapping[str, Mapping[str, str]]) -> str | None:
    """The value after one step of a `transform`; None where a lookup knows no answer."""
    if step in ("lookup", "translate"):
        key = " ".join(value.lower().split())
        return tables[word].get(key, None if step == "lookup" else value)
    if step == "json-text":
        try:
            return str(json.loads(f'"{value}"'))
        except ValueError:
            return value
    if step == "strip-prefix":
        return value[len(word) :] if value.lower().startswith(word.lower()) else value
    if step == "strip-suffix":
        return value[: -len(word)] if value.lower().endswith(word.lower()) else value
    return _SIMPLE_STEPS[step](value)


_SIMPLE_STEPS: Mapping[str, Callable[[str], str]] = {
    "url-decode": unquote,
    "html-entities": html.unescape,
    "spaces": lambda text: re.sub(r"[_+]", " ", text),
    "upper": str.upper,
    "lower": str.lower,
}


def _weight(certainty: Certainty) -> int:
    return certainty.weight
