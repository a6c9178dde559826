"""Writes the hunts in the query languages of other products, and refuses what would come out wrong.

Every language is a small table here and not a foreign converter: of those, one writes a bare `contains` for wmiexec,
several compare case by case, and some lose the kind of event. What is written passes `lint` first.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .rules import Chain, Rule, RuleSet
from .tree import And, Leaf, Node, Not, TreeError, leaves, renamed, simplified, tree_of

TARGETS = ("xql", "splunk", "kusto", "sentinel", "eql", "esql", "lucene", "opensearch", "sigma")
_OPTIONAL = frozenset({"OsParentImage", "OriginalFileName", "ParentGuessed"})


class ExportError(ValueError):
    """A hunt that this language cannot say; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query: the hunt and grade it comes from, and its text."""

    hunt: str
    grade: str
    name: str
    text: str


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


def export(
    rules: RuleSet, target: str, hunts: frozenset[str], is_wider: bool = False
) -> tuple[list[Query], list[tuple[str, str]]]:
    """The queries of some hunts for one product, and the hunts that are refused, each with the reason.

    In XQL the eight are the brief's own queries; `is_wider` adds those for the same behaviour in other words.

    Raises:
        ExportError: there is no such target.
    """
    if target not in TARGETS:
        raise ExportError(f"{target!r} is not known: choose one of {', '.join(TARGETS)}")
    written: list[Query] = []
    refused: list[tuple[str, str]] = []
    for rule in _chosen(rules.rules, target, is_wider):
        if rule.hunt in hunts and not rule.only_in_chains:
            try:
                written.append(query_of(rule, target))
            except (ExportError, TreeError) as fault:
                refused.append((f"{rule.hunt} ({rule.grade})", str(fault)))
    for chain in rules.chains:
        if chain.hunt in hunts:
            try:
                written.append(_chain_query(chain, rules, target))
            except (ExportError, TreeError) as fault:
                refused.append((chain.hunt, str(fault)))
    return written, refused


def ending(target: str) -> str:
    """What the name of a file with such a query ends in."""
    from .languages import LANGUAGES

    return LANGUAGES[target].ending if target in LANGUAGES else {"xql": "xql", "sigma": "yml"}[target]


def query_of(rule: Rule, target: str) -> Query:
    """One rule as a query that has passed the lint.

    Raises:
        ExportError: the language cannot say it.
    """
    name = str(rule.sigma.name or rule.hunt)
    if target == "sigma":
        return Query(rule.hunt, rule.grade, name, _sigma_text(rule.sigma.to_dict()))
    if target == "xql":
        from .xql import write

        return Query(rule.hunt, rule.grade, name, write(rule))
    from .languages import LANGUAGES

    language = LANGUAGES[target]
    node, left_out = condition_in(rule, language)
    text = joined(rule, node, language)
    literals = [language.literal(text) for leaf in leaves(node) for text in leaf.texts]
    if fault := lint(text, literals, language.marks):
        raise ExportError(f"the query would be wrong: {fault}")
    notes = [f"{rule.hunt}, {rule.grade}: {rule.title}", "upper and lower case are the same to this query"]
    if left_out:
        notes.append(f"without a counterpart here: {', '.join(sorted(left_out))}")
    comment = "" if not language.comment else "".join(f"{language.comment.format(note)}\n" for note in notes)
    return Query(rule.hunt, rule.grade, name, comment + text)


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


def joined(rule: Rule, node: Node, language: Language) -> str:
    """The kind of event and the condition as one text."""
    is_stage = language.joiner.startswith("\n")
    condition = written(node, language.fields[rule.source], language, is_inner=not is_stage)
    return f"{language.heads[rule.source]}{language.joiner}{condition}"


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


def _chosen(rules: tuple[Rule, ...], target: str, is_wider: bool) -> list[Rule]:
    """Elsewhere than in XQL and Sigma, the wider rule of a hunt stands for the exact one of the same events."""
    if target == "sigma":
        return list(rules)
    if target == "xql":
        return [rule for rule in rules if is_wider or rule.pack != "volt" or rule.grade == "exact"]
    wide = {(rule.hunt, rule.source) for rule in rules if rule.grade == "behaviour" and rule.hashes is None}
    return [rule for rule in rules if rule.grade == "behaviour" or (rule.hunt, rule.source) not in wide]


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


def _chain_query(chain: Chain, rules: RuleSet, target: str) -> Query:
    if target == "sigma":
        parts = [rule for rule in rules.rules if rule.sigma.name in chain.rules]
        texts = [_sigma_text(rule.sigma.to_dict()) for rule in parts] + [_sigma_text(chain.sigma.to_dict())]
        return Query(chain.hunt, "behaviour", chain.hunt, "---\n".join(texts))
    from .languages import chain_text

    parts = [next(rule for rule in rules.rules if rule.sigma.name == name) for name in chain.rules]
    text = chain_text(chain, parts, target)
    if fault := lint(text, ()):
        raise ExportError(f"the query would be wrong: {fault}")
    return Query(chain.hunt, "behaviour", chain.hunt.replace("-", "_"), text)


def _sigma_text(content: Mapping[str, object]) -> str:
    import yaml

    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=120)


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
