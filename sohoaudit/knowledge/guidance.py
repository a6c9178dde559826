"""Puts findings into words: title, summary, remedy and check of every rule, in every language of `reports/`.

The texts lie in `reports/<language>/rules/<rule>.yaml`; a rule of a family (`exposure.ssh`) takes what its own file
leaves out from the family's (`exposure.yaml`). A text may be a choice by one of `CHOICES`; a sentence or step that
names a fact nobody knows is left out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources.abc import Traversable
from string import Formatter

from ..model import Finding
from . import hunts, shipped, text_yaml
from .text_yaml import KnowledgeError, Listing, Text, Value

CHOICES = {
    "reach": ("internet", "perhaps", "inside"),
    "certainty": ("is", "looks", "probably"),
    "control": ("yes", "no"),
    "ended": ("model", "branch"),
    "support": ("over", "kept"),
    "seen": ("connected", "indexed", "global-address", "hairpin", "lan-only"),
}
_RULE = re.compile(r"[a-z]{1,40}(\.[a-z0-9-]{1,60})?")
PARTS = ("meaning", "title", "summary", "remedy", "verify")
# What else a file may hold: what people notice while the remedy is done, or after it.
OPTIONAL = ("effects",)
# The times of BOD 26-04, shortest first: days, with a search for intruders, or the next upgrade.
BANDS = ("3 forensic", "3", "14", "60", "upgrade")
SWITCHES = ("update", "remote", "upnp", "password", "reset")
# What every finding's texts may name, beside the facts of its rule.
COMMON = frozenset({"this", "device", "address", "port", "endpoint", *(f"where_{switch}" for switch in SWITCHES)})


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one finding, and the guidance and controls it can cite."""

    title: str
    summary: str
    remedy: tuple[str, ...]
    verify: str
    references: tuple[str, ...]
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effort:
    """What a remedy costs: minutes, who can do it (`you`, `provider`, `technician`, `new`), and what people notice.

    `now_minutes` are those of the steps that cannot wait for the rest, 0 where there are none apart.
    """

    minutes: int
    who: str
    effects: str
    now_minutes: int = 0


@dataclass(frozen=True, slots=True)
class Cited:
    """A document a finding cites: its id, its title in one language, and its address where that is known to last."""

    id: str
    title: str
    link: str


def render(rule: str, language: str, facts: Mapping[str, str]) -> Words:
    """The words of a finding.

    Args:
        rule: its stable name.
        language: a folder of `reports/`, such as `en`.
        facts: what `Finding.facts` holds; `reach`, `certainty`, `kind`, `vendor`, `model` and `name` choose words.

    Raises:
        KnowledgeError: the language or the rule has no words, or a title names a fact that is not given.
    """
    values = _values(language, facts)
    texts = _texts(rule, language)
    guidance = _cited(rule)
    title = " ".join(_sentences(texts["title"], facts, values))
    if not title:
        raise KnowledgeError(f"reports/{language}/rules/{rule}.yaml", 1, f"no title for {dict(facts)}")
    return Words(
        title=title,
        summary=_joined(_sentences(texts["summary"], facts, values), language),
        remedy=tuple(_sentences(texts["remedy"], facts, values)),
        verify=_joined(_sentences(texts["verify"], facts, values), language),
        references=guidance["references"],
        controls=guidance["controls"],
    )


def effort(rule: str, language: str, facts: Mapping[str, str]) -> Effort | None:
    """What the remedy of a finding costs; None for a rule we have no words for.

    Raises:
        KnowledgeError: there is no such language.
    """
    _folder(language)
    try:
        texts = _texts(rule, language)
    except KnowledgeError:
        return None
    row = _row("effort", rule)
    if "minutes" not in row:
        chosen = _chosen(row, facts)
        row = chosen if isinstance(chosen, dict) else {}
    if not row:
        return None
    sentences = _sentences(texts["effects"], facts, _values(language, facts)) if "effects" in texts else iter(())
    now = int(str(row.get("now", 0))) if facts.get("reach") in ("internet", "perhaps") else 0
    return Effort(int(str(row["minutes"])), str(row["who"]), _joined(sentences, language), now)


def bands(
    is_known_exploited: bool,
    is_reachable: bool | None = None,
    is_automatable: bool | None = None,
    is_total: bool | None = None,
) -> tuple[str, ...]:
    """What CISA's BOD 26-04 allows, by its four questions; None is an answer that nobody knows.

    Every band that the open questions leave comes, the shortest first; see `BANDS`.
    """
    known = [
        answer if answer is None else words[not answer]
        for answer, words in (
            (is_known_exploited, ("yes", "no")),
            (is_reachable, ("yes", "no")),
            (is_automatable, ("yes", "no")),
            (is_total, ("total", "partial")),
        )
    ]
    rows = _table(_guidance_file(), "bod_26_04").items()
    found = {
        str(band)
        for questions, band in rows
        if all(answer in (None, said) for answer, said in zip(known, questions.split(), strict=True))
    }
    return tuple(band for band in BANDS if band in found)


def reword(finding: Finding, language: str) -> Finding:
    """The same finding in another language; id, priority and evidence stay.

    A finding of a rule this version has no words for keeps its own.

    Raises:
        KnowledgeError: there is no such language.
    """
    _folder(language)
    try:
        if hunts.is_told(finding):
            return hunts.told(finding, hunts.words(language))
        words = render(finding.rule, language, finding.facts)
    except (KnowledgeError, KeyError):
        return finding
    return replace(
        finding,
        title=words.title,
        summary=words.summary,
        remedy=words.remedy,
        verify=words.verify,
        references=words.references,
        controls=words.controls,
    )


def reason(reach: str, fact: str, language: str) -> str:
    """The sentence of one cell of the priority table, or nothing for a cell it has not: why it is so pressing."""
    return str(_table(_table(_terms(language), "cells"), fact).get(reach, ""))


def label(table: str, key: str, language: str) -> str:
    """A word of one of the tables `reaches`, `facts`, `priorities`, `kinds` and `doors`; the key where it has none."""
    return str(_table(_terms(language), table).get(key, key))


def meaning(rule: str, language: str) -> tuple[str, ...]:
    """What a rule means and what to do about it, apart from any device: sentences for `sohoaudit explain`."""
    return tuple(
        _sentences(_texts(rule, language)["meaning"], {}, _values(language, {"protocol": rule.partition(".")[2]}))
    )


def cited(names: Iterable[str], language: str) -> tuple[Cited, ...]:
    """The documents behind these ids; an id we do not know has no title."""
    documents = _table(_guidance_file(), "documents")
    rows = ((name, _table(documents, name)) for name in names)
    return tuple(Cited(name, _path(row, language), str(row.get("link", ""))) for name, row in rows)


def citations(rule: str, language: str) -> tuple[Cited, ...]:
    """The guidance and controls a rule cites."""
    names = _cited(rule)
    return cited((*names["references"], *names["controls"]), language)


def languages() -> tuple[str, ...]:
    """The languages there are words in."""
    folder = shipped("reports")
    return tuple(sorted(entry.name for entry in folder.iterdir() if (entry / "rules").is_dir()))


def documented(language: str) -> tuple[str, ...]:
    """The rules and families that have a file in this language, in the order of their names."""
    names = (entry.name.removesuffix(".yaml") for entry in (_folder(language)).iterdir())
    return tuple(sorted(name for name in names if not name.startswith("_")))


def placeholders(value: Value) -> Iterator[str]:
    """Every `{placeholder}` named in a text, a list or a choice."""
    if isinstance(value, Text):
        yield from (name for _, name, _, _ in Formatter().parse(value) if name is not None)
    elif isinstance(value, list):
        for item in value:
            yield from placeholders(item)
    else:
        for item in value.values():
            yield from placeholders(item)


def _sentences(value: Value, facts: Mapping[str, str], values: Mapping[str, str]) -> Iterator[str]:
    """The sentences that hold here, in order: choices taken, placeholders filled, what is not known left out."""
    if isinstance(value, Text):
        if all(name in values for name in placeholders(value)):
            sentence = value.format_map(values)
            yield sentence[:1].upper() + sentence[1:] if value.startswith("{this}") else sentence
    elif isinstance(value, list):
        for item in value:
            yield from _sentences(item, facts, values)
    elif (chosen := _chosen(value, facts)) is not None:
        yield from _sentences(chosen, facts, values)


def _chosen(choice: Mapping[str, Value], facts: Mapping[str, str]) -> "Value | None":
    """The branch that a fact chooses; a choice may leave branches out, and `else` stands for them."""
    for name, branches in CHOICES.items():
        if any(branch in choice for branch in branches):
            return choice.get(facts.get(name, ""), choice.get("else"))
    return None


def _values(language: str, facts: Mapping[str, str]) -> dict[str, str]:
    terms = _terms(language)
    kinds = _table(terms, "kinds")
    values = {name: text for name, text in facts.items() if text}
    values["this"] = str(terms["this"]).format(kind=kinds.get(facts.get("kind", ""), kinds["device"]))
    values["device"] = facts.get("name") or values["this"]
    door = facts.get("door") or facts.get("protocol", "")
    if door:
        doors = _table(terms, "doors")
        values["door"] = str(doors[door]).format_map({"port": "?"} | values) if door in doors else door
    whose = (facts.get(name, "") for name in ("vendor", "model", "kind"))
    for switch, path in switches(*whose, language=language).items():
        values[f"where_{switch}"] = _where(terms, switch, path)
    return values


def _where(terms: Mapping[str, Value], switch: str, path: str) -> str:
    """The menu path of this maker, or the words that other makers' menus have for it."""
    if path:
        return str(terms["usually_under"]).format(path=path)
    return str(terms["look_for"]).format(words=_table(terms, "menu_words")[switch])


def switches(vendor: str, model: str, kind: str, *, language: str) -> dict[str, str]:
    """Where a maker's menus usually hold each of `SWITCHES`, empty where that is not known.

    The first interface is taken that fits: one of its `models` begins the model's name, and the kind is one of its
    `kinds`. What it does not list fits always.
    """
    for interface in _interfaces().get(vendor.lower(), ()):
        starts, kinds = interface.get("models", ()), interface.get("kinds", ())
        is_model = not starts or any(model.lower().startswith(str(start).lower()) for start in starts)
        if is_model and (not kinds or kind in kinds):
            return {switch: _path(interface.get(switch, Text("")), language) for switch in SWITCHES}
    return dict.fromkeys(SWITCHES, "")


def _path(value: "Value | Mapping[str, Value]", language: str) -> str:
    return str(value.get(language, value.get("en", ""))) if isinstance(value, Mapping) else str(value)


def _joined(sentences: Iterator[str], language: str) -> str:
    return ("" if language in ("ja", "zh") else " ").join(sentences)


def _cited(rule: str) -> dict[str, tuple[str, ...]]:
    row = _row("rules", rule)
    return {part: tuple(str(name) for name in row.get(part, ())) for part in ("references", "controls")}


def _row(table: str, rule: str) -> Mapping[str, Value]:
    """A rule's row of a table of `guidance.yaml`, or its family's."""
    rows = _table(_guidance_file(), table)
    return _table(rows, rule if rule in rows else rule.partition(".")[0])


@cache
def _texts(rule: str, language: str) -> Mapping[str, Value]:
    """A rule's texts over those of its family."""
    if not _RULE.fullmatch(rule):
        raise KnowledgeError(f"reports/{language}/rules", 1, f"{rule!r} is no rule: see sohoaudit explain")
    family = rule.partition(".")[0]
    folder = _folder(language)
    texts: dict[str, Value] = {}
    for name in dict.fromkeys((family, rule)):
        file = folder / f"{name}.yaml"
        if file.is_file():
            texts.update(_mapping(file.read_text(encoding="utf-8"), f"reports/{language}/rules/{name}.yaml"))
    if missing := [part for part in PARTS if part not in texts]:
        raise KnowledgeError(f"reports/{language}/rules/{rule}.yaml", 1, f"{', '.join(missing)} missing: write it")
    return texts


@cache
def _terms(language: str) -> Mapping[str, Value]:
    file = _folder(language) / "_terms.yaml"
    return _mapping(file.read_text(encoding="utf-8"), f"reports/{language}/rules/_terms.yaml")


@cache
def _guidance_file() -> Mapping[str, Value]:
    return _mapping((shipped("reports") / "guidance.yaml").read_text(encoding="utf-8"), "reports/guidance.yaml")


@cache
def _interfaces() -> dict[str, list[Mapping[str, Value]]]:
    """Every maker's interfaces in the order of its file, by the maker's name in lower case."""
    found: dict[str, list[Mapping[str, Value]]] = {}
    for name, text in text_yaml.documents(shipped("reports") / "steps", "reports/steps"):
        root = _mapping(text, name)
        vendors, interfaces = root.get("vendors"), root.get("interfaces")
        if not isinstance(vendors, Listing) or not isinstance(interfaces, Listing):
            raise KnowledgeError(name, 1, "'vendors' and 'interfaces' are expected, each a list")
        for vendor in vendors:
            for interface in interfaces:
                if not isinstance(interface, dict):
                    raise KnowledgeError(name, interface.line, "an interface is a mapping of switches to menu paths")
                found.setdefault(str(vendor).lower(), []).append(interface)
    return found


@cache
def _folder(language: str) -> Traversable:
    folder = shipped("reports") / language / "rules"
    if not language.isalpha() or not folder.is_dir():
        raise KnowledgeError("reports", 1, f"no language {language!r}: use one of {', '.join(languages())}")
    return folder


def _table(tables: Mapping[str, Value], name: str) -> Mapping[str, Value]:
    """A mapping inside a mapping, empty where there is none."""
    found = tables.get(name)
    return found if isinstance(found, dict) else {}


def _mapping(text: str, where: str) -> Mapping[str, Value]:
    root = text_yaml.load(text, where).root
    if not isinstance(root, dict):
        raise KnowledgeError(where, 1, "a mapping is expected")
    return root
