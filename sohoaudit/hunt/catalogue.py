"""Lists the hunts: what each looks for, from where it comes, and how exact it is."""

import json

from ..knowledge.hunts import words
from .rules import RuleSet


def as_json(rules: RuleSet, language: str) -> str:
    """One object a hunt, in the order of the packs."""
    return json.dumps(_entries(rules, language), ensure_ascii=False, indent=2)


def as_text(rules: RuleSet, language: str) -> str:
    """Hunts and what they look for, two lines each."""
    lines = []
    for entry in _entries(rules, language):
        number = f", query {entry['brief_query']} of the brief" if entry["brief_query"] else ""
        lines += [f"{entry['hunt']} ({entry['pack']}, {entry['priority']}{number})", f"  {entry['title']}"]
    return "\n".join(lines)


def _entries(rules: RuleSet, language: str) -> list[dict[str, object]]:
    told = words(language)
    entries: dict[str, dict[str, object]] = {}
    for rule in rules.rules:
        if rule.only_in_chains:
            continue
        own = rule.sigma.custom_attributes
        grade = {"grade": rule.grade, "exactness": str(own.get("exactness", "")), "file": rule.where}
        if rule.hunt in entries:
            entries[rule.hunt]["grades"] = [*_grades(entries[rule.hunt]), grade]
            continue
        title = told(f"hunts.{rule.hunt}.title") if told.has("hunts", rule.hunt) else rule.title
        entries[rule.hunt] = {
            "hunt": rule.hunt, "pack": rule.pack, "priority": rule.level.value, "title": title,
            "brief_query": own.get("brief_query"), "references": list(rule.sigma.references or ()), "grades": [grade],
        }  # fmt: skip
    for chain in rules.chains:
        title = told(f"hunts.{chain.hunt}.title") if told.has("hunts", chain.hunt) else chain.title
        entries[chain.hunt] = {
            "hunt": chain.hunt, "pack": "chains", "priority": chain.level.value, "title": title, "brief_query": None,
            "references": list(chain.sigma.references or ()), "grades": [],
        }  # fmt: skip
    return list(entries.values())


def _grades(entry: dict[str, object]) -> list[object]:
    grades = entry["grades"]
    return grades if isinstance(grades, list) else []
