"""What the hunts say to a person, in one language, from `reports/LANGUAGE/hunts.yaml`."""

from functools import cache
from typing import cast

from ..knowledge import shipped, text_yaml

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
