"""Writes the hunts in the query languages of other products, and refuses what would come out wrong.

Every language is a small table here and not a foreign converter: of those, one writes a bare `contains` for wmiexec,
several compare case by case, and some lose the kind of event. What is written passes `lint` first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from .languages import LANGUAGES, chain_text
from .query import ExportError, condition_in, joined, lint
from .rules import Chain, Rule, RuleSet
from .tree import TreeError, leaves
from .xql import write

TARGETS = ("xql", "splunk", "kusto", "sentinel", "eql", "esql", "lucene", "opensearch", "sigma")


@dataclass(frozen=True, slots=True)
class Query:
    """One query: the hunt and grade it comes from, and its text."""

    hunt: str
    grade: str
    name: str
    text: str


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
        return Query(rule.hunt, rule.grade, name, write(rule))
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


def _chosen(rules: tuple[Rule, ...], target: str, is_wider: bool) -> list[Rule]:
    """Elsewhere than in XQL and Sigma, the wider rule of a hunt stands for the exact one of the same events."""
    if target == "sigma":
        return list(rules)
    if target == "xql":
        return [rule for rule in rules if is_wider or rule.pack != "volt" or rule.grade == "exact"]
    wide = {(rule.hunt, rule.source) for rule in rules if rule.grade == "behaviour" and rule.hashes is None}
    return [rule for rule in rules if rule.grade == "behaviour" or (rule.hunt, rule.source) not in wide]


def _chain_query(chain: Chain, rules: RuleSet, target: str) -> Query:
    if target == "sigma":
        parts = [rule for rule in rules.rules if rule.sigma.name in chain.rules]
        texts = [_sigma_text(rule.sigma.to_dict()) for rule in parts] + [_sigma_text(chain.sigma.to_dict())]
        return Query(chain.hunt, "behaviour", chain.hunt, "---\n".join(texts))
    parts = [next(rule for rule in rules.rules if rule.sigma.name == name) for name in chain.rules]
    text = chain_text(chain, parts, target)
    if fault := lint(text, ()):
        raise ExportError(f"the query would be wrong: {fault}")
    return Query(chain.hunt, "behaviour", chain.hunt.replace("-", "_"), text)


def _sigma_text(content: Mapping[str, object]) -> str:
    import yaml

    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=120)
