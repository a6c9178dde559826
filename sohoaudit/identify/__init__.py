"""Recognises devices: fingerprints become matches, matches become claims, and claims are merged into one identity."""

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import unquote

from ..knowledge import patterns
from ..knowledge.fingerprints import ATTRIBUTES, UDP_QUESTIONS, Fingerprint, Fingerprints, plain_name, questions
from ..model import Certainty, Endpoint, Identity, Observation
from . import merge
from .index import CACHE_SIZE, CACHED_TEXT_LIMIT_CHARS, Hit, Index
from .merge import Claim

_VALUE_LIMIT_CHARS = 100


@dataclass(frozen=True, slots=True)
class Question:
    """A follow-up question for one endpoint: a `path` to GET, an `oid`, or the `name` of one.

    The name is one of questions.yaml, or of a question over UDP, which goes to the host whatever the endpoint's port.
    """

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
        self._index = Index(fingerprints, engine or patterns.engine())
        self._merged: dict[tuple[_Seen, ...], Identity | None] = {}
        self._answered: dict[tuple[tuple[str, str], ...], Identity | None] = {}

    def identify(self, observations: Iterable[Observation]) -> Identity | None:
        """Who the device behind these observations is, or None where nothing was recognised.

        All observations must belong to one device; those of one endpoint are looked at together.
        """
        records = list(_records(observations))
        if len(records) == 1:
            return self.identify_fields(records[0].fields)
        claims = [
            claim.at(number, record.is_from_outside)
            for number, record in enumerate(records)
            for hit in self._index.hits(record.fields)
            for claim in self._claims_of(hit)
        ]
        return merge.merge(claims, self._fingerprints.makers)

    def identify_fields(self, fields: Mapping[str, str]) -> Identity | None:
        """Who gave these fields from one endpoint; the same object for answers that say the same where it counts."""
        read = self._index.read(fields)
        if read in self._answered:
            return self._answered[read]
        identity = self._identity_of(self._index.hits(fields))
        if sum(len(value) for _, value in read) <= CACHED_TEXT_LIMIT_CHARS:
            if len(self._answered) >= CACHE_SIZE:
                self._answered.clear()
            self._answered[read] = identity
        return identity

    def _identity_of(self, hits: Sequence[Hit]) -> Identity | None:
        """What these hits of one endpoint say, merged once for all that say the same."""
        if not hits:
            return None
        seen = tuple([(id(hit.fingerprint), hit.field, *hit.groups.items()) for hit in hits])
        if seen in self._merged:
            return self._merged[seen]
        claims = [claim for hit in hits for claim in self._claims_of(hit)]
        identity = merge.merge(claims, self._fingerprints.makers) if claims else None
        if len(self._merged) >= CACHE_SIZE:
            self._merged.clear()
        self._merged[seen] = identity
        return identity

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
            for hit in self._index.hits(record.fields):
                explanations.append(Explanation(hit.fingerprint, record.endpoint, True, f"{hit.field} has {hit.text}"))
            for one, why in self._index.missed(record.fields):
                explanations.append(Explanation(one, record.endpoint, False, why))
        return explanations

    def _claims_of(self, hit: Hit) -> list[Claim]:
        """What one match says of a device, attribute by attribute."""
        one, values = hit.fingerprint, self._values(hit)
        vendor = self._vendor(one, values)
        if vendor is None and (one.vendor or "vendor" in values or any(name == "vendor" for name, _ in one.settings)):
            return []
        # A name the device gave belongs to the hardware, the name of the file to the fork that runs on it.
        is_hardware = one.fork is None or "vendor" in values
        values.pop("vendor", None)
        if vendor:
            values["vendor"] = vendor
        if one.fork:
            values.setdefault("fork", one.fork)
        rank = (one.is_users_own, len(one.when))
        told = [(name, value, one.certainty_of(name), rank) for name, value in values.items()]
        if not told and one.traits:
            told.append(("trait", one.traits[0], one.certainty, _LOWEST_RANK))
        if vendor and one.kind and "kind" not in values:
            # What a maker mostly makes: never more than likely, and any fingerprint that says the kind wins.
            certainty = min(Certainty.LIKELY, one.certainty_of("kind"), key=merge.WEIGHTS.__getitem__)
            told.append(("kind", one.kind, certainty, _LOWEST_RANK))
        title = one.title
        return [
            Claim(
                name, value, certainty, title, hit.field, hit.text, vendor, one.fork, is_hardware, one.traits,
                one.is_partial and name == "firmware", rank,
                (merge.WEIGHTS[certainty], not (one.is_partial and name == "firmware"), rank, len(value)),
            )
            for name, value, certainty, rank in told
        ]  # fmt: skip

    def _vendor(self, one: Fingerprint, values: Mapping[str, str]) -> str | None:
        """The maker as this project spells it; None where the name a device gave is nobody's we know."""
        told = values.get("vendor")
        if told is None:
            return one.vendor
        return self._fingerprints.spellings.get(_plain(told))

    def _values(self, hit: Hit) -> dict[str, str]:
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


_Seen = tuple[object, ...]  # a fingerprint that matched, the field and the groups that it read
_LOWEST_RANK = (False, 0)


@cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\{(\w+)\}", template))


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return plain_name(text)


def _records(observations: Iterable[Observation]) -> Iterator[_Record]:
    """The observations endpoint by endpoint; what one field gave twice stands in two lines."""
    observations = list(observations)
    if len(observations) == 1:
        only = observations[0]
        yield _Record(only.endpoint, only.vantage != "lan", only.fields)
        return
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
    if text in UDP_QUESTIONS:
        of_host = [one for one in records if one.endpoint.address == record.endpoint.address]
        known = next((one for one in of_host if _is_answered_over_udp(text, one.fields)), record)
        yield Question(min(one.endpoint for one in of_host), name=text), known
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


def _is_answered_over_udp(name: str, fields: Mapping[str, str]) -> bool:
    return any(field.startswith(f"{name}.") for field in fields)


def _speaks_http(record: _Record) -> bool:
    return any(name.startswith("http.") for name in record.fields)


def _is_answered(question: Question, fields: Mapping[str, str]) -> bool:
    if question.path is not None:
        return f"http.body@{question.path}" in fields
    if question.oid is not None:
        return f"snmp.{question.oid}" in fields
    if question.name in UDP_QUESTIONS:
        return _is_answered_over_udp(question.name, fields)
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
