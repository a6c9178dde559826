"""YAML in which every scalar is text, and every value knows the line it stands on.

YAML's guesses are traps here: `7.10` would become 7.1, `no` False, `1e3` a thousand and `12:30` a number of minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TypeAlias

import yaml

from . import KnowledgeError

try:
    from yaml import CBaseLoader as _Loader
except ImportError:  # PyYAML without libyaml
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]


class Text(str):
    """A scalar, as text, with the line it stands on."""

    line: int


class Listing(list["Value"]):
    """A sequence with the line it starts on."""

    line: int


class Mapping(dict[str, "Value"]):
    """A mapping with the line it starts on; `key_lines` tells the line of each key."""

    line: int
    key_lines: dict[str, int]


Value: TypeAlias = Text | Listing | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its name for messages, and its content."""

    where: str
    root: Value


def load(text: str, where: str) -> Document:
    """Read one YAML document.

    Args:
        text: the document.
        where: the file's name for messages.

    Raises:
        KnowledgeError: it is not YAML, a key stands twice, or it uses anchors (a billion laughs, and hard to read).
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark else 1
        raise KnowledgeError(where, line, f"this is not YAML: {fault.problem or fault.context}") from None
    except yaml.YAMLError as fault:
        raise KnowledgeError(where, 1, f"this is not YAML: {fault}") from None
    if node is None:
        raise KnowledgeError(where, 1, "the file is empty: delete it or fill it")
    return Document(where, _value(node, where, seen=set()))


def documents(folder: Traversable, shown_as: str) -> Iterator[tuple[str, str]]:
    """The name and text of every `*.yaml` below a folder, in the order of their names."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{shown_as}/{entry.name}"
        if entry.is_dir():
            yield from documents(entry, name)
        elif entry.name.endswith((".yaml", ".yml")):
            yield name, entry.read_text(encoding="utf-8")


def _value(node: yaml.Node, where: str, seen: set[int]) -> Value:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise KnowledgeError(where, line, "anchors and aliases are not used here: write the value out")
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        text = Text(node.value)
        text.line = line
        return text
    if isinstance(node, yaml.SequenceNode):
        listing = Listing(_value(item, where, seen) for item in node.value)
        listing.line = line
        return listing
    mapping = Mapping()
    mapping.line, mapping.key_lines = line, {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise KnowledgeError(where, key_node.start_mark.line + 1, "a key must be plain text")
        key = key_node.value
        if key in mapping:
            raise KnowledgeError(where, key_node.start_mark.line + 1, f"{key!r} stands twice: keep one")
        mapping.key_lines[key] = key_node.start_mark.line + 1
        mapping[key] = _value(value_node, where, seen)
    return mapping


__all__ = ["Document", "KnowledgeError", "Listing", "Mapping", "Text", "Value", "documents", "load"]
