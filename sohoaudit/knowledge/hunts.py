"""What the hunts say to a person, in one language, from `reports/LANGUAGE/hunts.yaml`."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import cast

from ..model import Finding
from . import shipped, text_yaml

# From the brief: the Threat Prevention signatures it lists; from AA23-144A and AA24-038A: the flaws they name.
SIGNATURES = "91676, 92734, 91362, 90829, 91363, 86360, 90926, 90952, 90972, 90851, 83202, 85739"
CVES = ("CVE-2021-40539", "CVE-2021-27860", "CVE-2022-42475")


class Words:
    """Texts by dotted key; a key that is not there is a KeyError."""

    def __init__(self, root: text_yaml.Mapping) -> None:
        """Takes the file's content."""
        self._root = root

    def __call__(self, key: str, **values: object) -> str:
        """The text under a key with its places filled in."""
        place: text_yaml.Value = self._root
        for part in key.split("."):
            place = cast(text_yaml.Mapping, place)[part]
        return str(place).format(**values) if values else str(place)

    def has(self, section: str, name: str) -> bool:
        """Whether a section has an entry of this name."""
        return name in cast(text_yaml.Mapping, self._root[section])

    def steps(self, hunt: str) -> tuple[str, ...]:
        """What to do about a hunt's hits, one action a line, in their order."""
        entry = cast(text_yaml.Mapping, self._root["hunts"]).get(hunt)
        names = cast("list[str]", entry["steps"]) if isinstance(entry, dict) else ["ask", "keep"]
        return tuple(
            self(f"steps.{name}").replace("{signatures}", SIGNATURES).replace("{cves}", ", ".join(CVES))
            for name in names
        )

    def title(self, hunt: str, own: str) -> str:
        """The hunt's title; a user's own rule has its own."""
        return self(f"hunts.{hunt}.title") if self.has("hunts", hunt) else own

    def reason(self, reason: str, details: Mapping[str, str]) -> str:
        """In what way the event shows it."""
        detail = self(f"details.{reason}", **details) if self.has("details", reason) else ""
        return self(f"reasons.{reason}", **{"detail": detail, **details})

    def references(self) -> tuple[str, ...]:
        """What a technician can switch on, and whom to call."""
        return (
            self("references.signatures", signatures=SIGNATURES),
            self("references.cves", cves=", ".join(CVES)),
            self("references.call"),
        )


@cache
def words(language: str) -> Words:
    """The words of a language.

    Raises:
        KnowledgeError: the file is broken.
        FileNotFoundError: there is no such language.
    """
    where = f"reports/{language}/hunts.yaml"
    text = (shipped("reports") / language / "hunts.yaml").read_text(encoding="utf-8")
    return Words(cast(text_yaml.Mapping, text_yaml.load(text, where).root))


def told(finding: Finding, words: Words) -> Finding:
    """A hunt's finding with its texts in one language, made from its facts; the evidence stays as it was written.

    The facts are host, count, title and reason of the worst hit, and `detail.<name>` for what its reason names.
    """
    facts = finding.facts
    hunt = finding.rule.partition(".")[2]
    title = words.title(hunt, facts["title"])
    details = {name.removeprefix("detail."): text for name, text in facts.items() if name.startswith("detail.")}
    meaning = f"{title}: {words.reason(facts['reason'], details)}"
    if words.has("hunts", hunt):
        meaning = words(f"hunts.{hunt}.meaning")
    host = facts["host"] or words("finding.unknown_host")
    return replace(
        finding,
        title=title,
        summary=words("finding.summary", meaning=meaning, count=f"{int(facts['count']):,}", host=host),
        remedy=words.steps(hunt),
        verify=words("finding.verify", file="LOGS"),
    )


def is_told(finding: Finding) -> bool:
    """Whether it is a hunt's, with the facts that its texts are made from."""
    return {"host", "count", "title", "reason", "grade"} <= set(finding.facts) and finding.facts["count"].isdecimal()
