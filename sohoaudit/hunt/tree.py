"""A rule's condition as a small tree of fields compared with texts, for those who write it in another language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.types import SigmaExpansion, SigmaNull, SigmaNumber, SigmaString, SpecialChars

from .rules import Rule


@dataclass(frozen=True, slots=True)
class Leaf:
    """One field compared with texts: `kind` is equal, part, end, beginning, pattern or null.

    A pattern is a part with wildcards inside; its one text keeps `*` for them. Any one of the texts is enough.
    """

    field: str
    kind: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts hold."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the parts holds."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Node"


Node: TypeAlias = Leaf | And | Or | Not


class TreeError(ValueError):
    """A condition that has no such tree."""


def tree_of(rule: Rule) -> Node:
    """The condition of a rule; texts of one field under one OR are one leaf.

    Raises:
        TreeError: it compares in a way that no query language here can say.
    """
    trees = [condition.parsed for condition in rule.sigma.detection.parsed_condition]
    return _node(trees[0]) if len(trees) == 1 else Or(tuple(map(_node, trees)))


def leaves(node: Node) -> Iterator[Leaf]:
    """Every leaf, in order."""
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        for part in node.parts:
            yield from leaves(part)


def simplified(node: Node, known: set[str], optional: frozenset[str]) -> Node:
    """The tree without optional fields that a product does not have: missing there, so null holds and nothing else."""
    found = _simplified(node, known, optional)
    if isinstance(found, bool):
        raise TreeError("nothing is left of the condition in this language")
    return found


def renamed(node: Node, field: str, names: Mapping[str, str]) -> Node:
    """The tree with other words for the values of one field."""
    if isinstance(node, Leaf):
        return Leaf(field, node.kind, tuple(names[text] for text in node.texts)) if node.field == field else node
    if isinstance(node, Not):
        return Not(renamed(node.part, field, names))
    return type(node)(tuple(renamed(part, field, names) for part in node.parts))


def _simplified(node: Node, known: set[str], optional: frozenset[str]) -> Node | bool:
    if isinstance(node, Leaf):
        return node if node.field in known or node.field not in optional else node.kind == "null"
    if isinstance(node, Not):
        part = _simplified(node.part, known, optional)
        return not part if isinstance(part, bool) else Not(part)
    decisive = isinstance(node, Or)
    kept: list[Node] = []
    for each in node.parts:
        part = _simplified(each, known, optional)
        if isinstance(part, bool):
            if part is decisive:
                return decisive
        else:
            kept.append(part)
    if not kept:
        return not decisive
    return kept[0] if len(kept) == 1 else (Or(tuple(kept)) if decisive else And(tuple(kept)))


def _node(tree: object) -> Node:
    if isinstance(tree, ConditionAND):
        return And(tuple(map(_node, tree.args)))
    if isinstance(tree, ConditionNOT):
        return Not(_node(tree.args[0]))
    if isinstance(tree, ConditionOR):
        return _merged([_node(argument) for argument in tree.args])
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        return _leaf(tree.field, tree.value)
    raise TreeError(f"{type(tree).__name__} cannot be written in another language here")


def _merged(parts: list[Node]) -> Node:
    groups: dict[tuple[str, str], list[str]] = {}
    rest: list[Node] = []
    for part in parts:
        if isinstance(part, Leaf) and part.kind not in ("pattern", "null"):
            groups.setdefault((part.field, part.kind), []).extend(part.texts)
        else:
            rest.append(part)
    found = [Leaf(name, kind, tuple(texts)) for (name, kind), texts in groups.items()] + rest
    return found[0] if len(found) == 1 else Or(tuple(found))


def _leaf(name: str, value: object) -> Node:
    if isinstance(value, SigmaNull):
        return Leaf(name, "null", ())
    if isinstance(value, SigmaNumber):
        return Leaf(name, "equal", (str(value.number),))
    if isinstance(value, SigmaExpansion):
        return _merged([_leaf(name, each) for each in value.values])
    if type(value) is not SigmaString or SpecialChars.WILDCARD_SINGLE in value.s:
        raise TreeError(f"the comparison of {name} cannot be written in another language here")
    parts = list(value.s)
    texts = [part for part in parts if isinstance(part, str)]
    opens, closes = parts[0] is SpecialChars.WILDCARD_MULTI, parts[-1] is SpecialChars.WILDCARD_MULTI
    if len(texts) > 1:
        if not (opens and closes):
            raise TreeError(f"a wildcard inside the text of {name} cannot be written in another language here")
        return Leaf(name, "pattern", ("*".join(texts),))
    kinds = {(True, True): "part", (True, False): "end", (False, True): "beginning", (False, False): "equal"}
    return Leaf(name, kinds[opens, closes], (texts[0] if texts else "",))
