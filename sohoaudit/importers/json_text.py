"""Reads the JSON objects of a text one after another: an array, one object, or one a line, damaged ones left out."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BETWEEN = re.compile(r"[\s,\[\]]*")
# An object begins a line, or stands first in an array; a broken one may hold others, which are not taken for its own.
_NEXT = re.compile(r"^[\s\[,]{0,8}\{", re.MULTILINE)


def objects(text: str) -> Iterator[Mapping[str, Any] | str]:
    """Each object at the top of the text; for what is damaged, a line that says where."""
    decoder = json.JSONDecoder()
    at = _after(_BETWEEN, text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, at) + 1
            following = _NEXT.search(text, text.find("\n", at) + 1 or len(text))
            rest = text[at : following.end() - 1 if following else len(text)].strip()
            # masscan of old ends its array by `{finished: 1}`.
            if not re.fullmatch(r"\{\s*finished:\s*1\s*\}[\s,\]]*", rest):
                yield f"line {line} is damaged or cut off: what is whole was read"
            at = following.end() - 1 if following else len(text)
            continue
        if isinstance(value, Mapping):
            yield value
        at = _after(_BETWEEN, text, at)


def first(text: str) -> Mapping[str, Any]:
    """The first object of a text that looks like JSON, or an empty one."""
    if text.lstrip()[:1] not in ("{", "["):
        return {}
    return next((value for value in objects(text) if isinstance(value, Mapping)), {})


def inner(value: Any, *way: str) -> Any:
    """What lies inside an object at the end of a way of keys, or None where it ends early."""
    for key in way:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def mapping(value: Any, *way: str) -> Mapping[str, Any]:
    """As `inner`, an object or an empty one."""
    found = inner(value, *way)
    return found if isinstance(found, Mapping) else {}


def listing(value: Any, *way: str) -> list[Any]:
    """As `inner`, a list or an empty one."""
    found = inner(value, *way)
    return found if isinstance(found, list) else []


def text_of(value: Any, *way: str) -> str:
    """As `inner`, a text; a number is written out, and anything else is empty."""
    found = inner(value, *way)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
