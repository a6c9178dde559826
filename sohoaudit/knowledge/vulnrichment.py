"""Reads `fingerprints/vulnrichment.yaml`: what CISA says of how a known exploited hole can be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache

from . import fields, shipped, text_yaml

WHERE = "fingerprints/vulnrichment.yaml"


@dataclass(frozen=True, slots=True)
class Rating:
    """Whether attacks through it can be automated, whether one gives total control, and since when CISA says so."""

    is_automatable: bool
    is_total: bool
    rated: date | None = None


@cache
def ratings() -> Mapping[str, Rating]:
    """The rating of every CVE that has one.

    Raises:
        KnowledgeError: the file is not as it should be.
    """
    return read((shipped("fingerprints") / "vulnrichment.yaml").read_text(encoding="utf-8"))


def read(text: str) -> dict[str, Rating]:
    """The ratings of one file's text.

    Raises:
        KnowledgeError: a row lacks an answer or its day, or says something else than the answers there are.
    """
    root = text_yaml.load(text, WHERE).root
    rows = root.get("ratings") if isinstance(root, text_yaml.Mapping) else None
    if not isinstance(rows, text_yaml.Mapping):
        raise text_yaml.KnowledgeError(WHERE, 1, "a mapping under 'ratings' is expected")
    faults: list[text_yaml.KnowledgeError] = []
    found = {}
    for cve, row in rows.items():
        if not isinstance(row, text_yaml.Mapping):
            raise text_yaml.KnowledgeError(WHERE, rows.key_lines[cve], f"{cve} needs automatable, impact and rated")
        entry = fields.Entry(WHERE, row, faults)
        automatable, impact = entry.one_of("automatable", ("yes", "no")), entry.one_of("impact", ("total", "partial"))
        rated = entry.day("rated")
        if not automatable or not impact or rated is None:
            faults.append(
                text_yaml.KnowledgeError(WHERE, rows.key_lines[cve], f"{cve} needs automatable, impact and rated")
            )
            continue
        found[cve] = Rating(automatable == "yes", impact == "total", rated)
    if faults:
        raise faults[0]
    return found
