"""Answers the JSON lines of `sohoaudit identify`: one object in, one object out, in the same order."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from ..knowledge.fingerprints import Fingerprints
from ..model import Endpoint, Identity, Observation, printable
from . import Identifier

_AS_TEXT = json.encoder.encode_basestring_ascii
_NOWHERE = Endpoint("0.0.0.0", 0)  # noqa: S104 - no address at all: the lines carry none
_WRITTEN_KEPT = 4096


def answers(lines: Iterable[str | bytes], fingerprints: Fingerprints) -> Iterator[tuple[str, bool]]:
    """One answer a line, as JSON text, and whether the line could be read; none for a blank line.

    The answer is `{"id", "identity"}`, or `{"line", "error"}` where the line cannot be read. All observations of a
    line belong to one device. An answer repeats the id of its line, where the line has one.
    """
    identify, written = Identifier(fingerprints).identify_fields, _Written()
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        front = ""
        try:
            entry = read(line)
            if isinstance(entry, dict) and "id" in entry:
                front = f'"id": {_id_text(entry["id"])}, '
            fields = _fields(entry)
        except (ValueError, RecursionError) as fault:
            yield f'{{{front}"line": {number}, "error": {_AS_TEXT(str(fault))}}}', False
            continue
        yield f'{{{front}"identity": {written.text(identify(fields))}}}', True


def read(line: str | bytes) -> Any:
    """What the JSON of one line says, in half the time that `json.loads` takes.

    Raises:
        ValueError: the line is no JSON; says why.
    """
    try:
        text = (line if isinstance(line, str) else line.decode()).strip(" \t\r\n\ufeff")
        entry, end = _DECODE(text)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"this is not JSON: {fault}") from None
    if end != len(text):
        raise ValueError(f"this is not JSON: it ends at column {end + 1}, and more follows")
    return entry


def _no_number(text: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"{text} is no number of JSON")


_DECODE = json.JSONDecoder(parse_constant=_no_number).raw_decode


def _id_text(name: Any) -> str:
    """An id as JSON text."""
    if type(name) is str:
        return _AS_TEXT(name)
    return str(name) if type(name) is int else json.dumps(name, allow_nan=False)


class _Written:
    """Identities as JSON text, each written once: the identifier gives the same object for the same answers."""

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
        self._known: dict[int, tuple[Identity, str]] = {}

    def text(self, identity: Identity | None) -> str:
        if identity is None:
            return "null"
        known = self._known.get(id(identity))
        if known is None:
            if len(self._known) >= _WRITTEN_KEPT:
                self._known.clear()
            # The identity is kept with its text, so that no other can come to have its id.
            known = self._known[id(identity)] = identity, self._encode(as_json(identity))
        return known[1]


def as_json(identity: Identity) -> dict[str, Any]:
    """The identity as `identify` promises it; what is not known is null."""
    return {
        "vendor": identity.vendor,
        "model": identity.model,
        "hardware_revision": identity.hardware_revision,
        "firmware": identity.firmware,
        "kind": identity.kind,
        "cpe": identity.cpe,
        "fork": identity.fork,
        "partial": identity.partial,
        "traits": sorted(identity.traits),
        "certainty": identity.certainty,
        "evidence": [
            {
                "attribute": match.attribute,
                "value": match.value,
                "certainty": match.certainty,
                "fingerprint": match.fingerprint,
                "field": match.field,
                "text": match.text,
            }
            for match in identity.evidence
        ],
    }


def observation(entry: Any, endpoint: Endpoint = _NOWHERE) -> Observation:
    """The observations of one line as one.

    Raises:
        ValueError: the line does not have the shape of the contract; says what is missing.
    """
    return Observation(endpoint, _fields(entry))


def _fields(entry: Any) -> Mapping[str, str]:
    if not isinstance(entry, dict) or not isinstance(entry.get("observations"), list):
        raise ValueError('the line needs "observations": [{"field": "http.server", "value": "…"}]')
    fields: dict[str, str] = {}
    for one in entry["observations"]:
        name, value = (one.get("field"), one.get("value")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError('an observation needs a "field" and a "value", both text')
        safe = value if value.isprintable() else printable(value)
        if safe:
            fields[name] = fields[name] + "\n" + safe if name in fields else safe
    return fields


def explanations(lines: Iterable[str | bytes], fingerprints: Fingerprints) -> Iterator[tuple[str, bool]]:
    """For each line which fingerprints matched and which almost did, as text; a faulty line with True beside it."""
    from ..knowledge.fingerprint_yaml import is_field, no_field

    identifier = Identifier(fingerprints)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = read(line)
            seen = observation(entry)
        except (ValueError, RecursionError) as fault:
            yield f"sohoaudit: line {number}: {fault}", True
            continue
        yield printable(f"{entry.get('id', f'line {number}')}:"), False
        for name in seen.fields:
            if not is_field(name):
                yield f"  unread   {printable(no_field(name))}", False
        found = sorted(identifier.explain([seen]), key=lambda one: not one.is_match)
        for one in found:
            word = "matched" if one.is_match else "almost "
            place = f"{one.fingerprint.where}:{one.fingerprint.line}"
            yield f"  {word}  {one.fingerprint.title}  ({place})\n           {printable(one.why)}", False
        if not found:
            yield "  nothing matched", False
