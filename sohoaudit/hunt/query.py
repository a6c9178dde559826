"""How a hunt is said in a query language: its table, a condition written with it, and the lint of the outcome."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .rules import Rule
from .tree import And, Leaf, Node, Not, leaves, renamed, simplified, tree_of

_OPTIONAL = frozenset({"OsParentImage", "OriginalFileName", "ParentGuessed"})


class ExportError(ValueError):
    """A hunt that this language cannot say; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Language:
    """How one product says a condition.

    `fields` and `heads` are by kind of event, `values` what it calls Sysmon's event types; `leaf` writes one field
    compared with texts, `null` a missing field, `literal` a text as it stands in a query. `marks` are the operators
    one of which every query carries so that case does not matter ("" where it never does). A `joiner` that opens a
    stage of its own needs no brackets around what follows.
    """

    comment: str
    ending: str
    fields: Mapping[str, Mapping[str, str]]
    heads: Mapping[str, str]
    leaf: Callable[[str, Leaf], str]
    null: Callable[[str], str]
    literal: Callable[[str], str]
    values: Mapping[str, str]
    marks: tuple[str, ...] = ("",)
    joiner: str = "\n| where "
    words: tuple[str, str, str] = ("and", "or", "not")


def condition_in(rule: Rule, language: Language) -> tuple[Node, set[str]]:
    """A rule's condition with this language's names for values, and the fields that had to be left out.

    Raises:
        ExportError: the language has no place for the events or a field.
    """
    fields = language.fields.get(rule.source)
    if fields is None:
        raise ExportError(f"events of the kind {rule.source} have no place there")
    tree = tree_of(rule)
    left_out = {leaf.field for leaf in leaves(tree) if leaf.field not in fields} - {"ParentGuessed"}
    if missing := left_out - _OPTIONAL:
        raise ExportError(f"the field {', '.join(sorted(missing))} has no place there")
    return renamed(simplified(tree, set(fields), _OPTIONAL), "EventType", language.values), left_out


def joined(rule: Rule, node: Node, language: Language) -> str:
    """The kind of event and the condition as one text."""
    is_stage = language.joiner.startswith("\n")
    condition = written(node, language.fields[rule.source], language, is_inner=not is_stage)
    return f"{language.heads[rule.source]}{language.joiner}{condition}"


def written(node: Node, fields: Mapping[str, str], language: Language, is_inner: bool = False) -> str:
    """A condition in a language; brackets stand around every inner one."""
    both, either, no = language.words
    if isinstance(node, Leaf):
        name = fields[node.field]
        return language.null(name) if node.kind == "null" else language.leaf(name, node)
    if isinstance(node, Not):
        return f"{no} ({written(node.part, fields, language)})"
    word = both if isinstance(node, And) else either
    text = f" {word} ".join(written(part, fields, language, True) for part in node.parts)
    return f"({text})" if is_inner and len(node.parts) > 1 else text


def lint(text: str, literals: Iterable[str], marks: tuple[str, ...] = ("",)) -> str:
    """What is wrong with a query: unbalanced, a literal missing, a bare operator, case; empty where nothing is."""
    outside = _outside_strings(text)
    if outside is None:
        return "a quote is not closed"
    if any(outside.count(opening) != outside.count(closing) for opening, closing in ("()", "[]", "{}")):
        return "brackets do not balance"
    small = text.lower()
    for literal in literals:
        if literal.lower() not in small:
            return f"the text {literal!r} is missing"
    if not any(mark in outside or mark in text for mark in marks):
        return "upper and lower case would not be the same"
    if bare := _BARE.search(outside):
        return f"a bare {bare.group(1)}"
    return ""


# An operator with nothing to compare with, once every string is one mark.
_BARE = re.compile(r"(?i)(?<![\w.])(contains|endswith|startswith|like~?|in~?|=~?|and|or)\s*(?:\)|$|\b(?:and|or)\b)")
_STRING = "\u00a7"


def _outside_strings(text: str) -> str | None:
    """The query without comments and with a mark for each string, or None where a string does not end."""
    out: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith("//", at) and (at == 0 or text[at - 1] == "\n"):
            at = text.find("\n", at) % (len(text) + 1)
        elif text.startswith('"""', at):
            end = text.find('"""', at + 3)
            if end < 0:
                return None
            at = end + 3
            out.append(_STRING)
        elif text[at] == '"':
            is_verbatim = at > 0 and text[at - 1] == "@"
            at += 1
            while at < len(text) and text[at] != '"':
                at += 2 if text[at] == "\\" and not is_verbatim else 1
            if at >= len(text):
                return None
            at += 1
            out.append(_STRING)
        else:
            out.append(text[at])
            at += 1
    return "".join(out)
