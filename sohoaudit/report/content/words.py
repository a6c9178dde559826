"""The report's own words in one language, from `reports/LANGUAGE/interface.yaml`."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources.abc import Traversable

from ...knowledge import gaps, guidance, shipped, text_yaml
from ...model import Gap


class Words:
    """Texts by dotted key; a key that is not there is a KeyError, so that no reader ever sees a bare key."""

    def __init__(self, language: str, texts: dict[str, str | dict[str, str]]) -> None:
        """Takes the language's code and its texts; a text with numbers is a mapping of plural forms."""
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """The text under a key with its places filled in; `count` chooses between `one` and `other`."""
        text = self._texts[key]
        if isinstance(text, dict):
            text = text["one"] if values.get("count") == 1 and "one" in text else text["other"]
        return text.format(**values) if values else text

    def of(self, vocabulary: str, word: str) -> str:
        """The text for a word of an open vocabulary (kinds of device, facts of a rule), or the word itself."""
        key = f"{vocabulary}.{word}"
        return self(key) if key in self._texts else word

    def all_of(self, parts: Sequence[str]) -> str:
        """The parts as one enumeration: a, b and c."""
        *first, last = parts
        return self("page.comma").join(first) + (self("page.and") if first else "") + last

    def listed(self, vocabulary: str, words: str) -> str:
        """Words of an open vocabulary, separated by commas, each as this language says it."""
        return self("page.comma").join(self.of(vocabulary, word) for word in words.split(", "))

    def term(self, table: str, key: str) -> str:
        """A word that findings are built from as well (`kinds`, `facts`, `reaches`, `who`), or the key itself."""
        return guidance.label(table, key, self.language)

    def gap(self, gap: Gap) -> tuple[str, str, str]:
        """What could not be looked at, why, and what to do about it; as it was told where its code is not known."""
        reason, remedy = gaps.reason_of(gap).told(self.language), gaps.remedy_of(gap, self.language)
        return self.of("gap_subject", gap.subject), reason, remedy

    def date(self, time: date) -> str:
        """A day as people of this language write it."""
        return self("date.day", year=time.year, month=self(f"date.month_{time.month}"), day=time.day)

    def moment(self, time: datetime) -> str:
        """Day, minute and offset from UTC."""
        offset = time.utcoffset() or timedelta()
        minutes = int(offset.total_seconds()) // 60
        zone = f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        return self("date.moment", day=self.date(time), clock=f"{time:%H:%M}", zone=zone)

    @property
    def keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._texts)


def languages() -> tuple[str, ...]:
    """The codes of the languages that have an interface, in alphabetical order."""
    folders = shipped("reports").iterdir()
    return tuple(sorted(folder.name for folder in folders if (folder / "interface.yaml").is_file()))


@cache
def words(language: str) -> Words:
    """The words of a language.

    Raises:
        ValueError: there is no such language.
    """
    if language not in languages():
        raise ValueError(f"there is no report in {language!r}: choose one of {', '.join(languages())}")
    return Words(language, read_texts(shipped("reports") / language / "interface.yaml", language))


def read_texts(file: Traversable, language: str) -> dict[str, str | dict[str, str]]:
    """The texts of one interface file under dotted keys, plural forms kept together.

    Raises:
        text_yaml.KnowledgeError: the file is not of the form `section: {key: text}`.
    """
    where = f"reports/{language}/interface.yaml"
    root = text_yaml.load(file.read_text(encoding="utf-8"), where).root
    if not isinstance(root, text_yaml.Mapping):
        raise text_yaml.KnowledgeError(where, 1, "write sections, each with its keys and texts")
    texts: dict[str, str | dict[str, str]] = {}
    for section, entries in root.items():
        if not isinstance(entries, text_yaml.Mapping):
            raise text_yaml.KnowledgeError(where, root.key_lines[section], f"{section!r} must hold keys and texts")
        for key, value in entries.items():
            if isinstance(value, text_yaml.Mapping) and "other" in value:
                texts[f"{section}.{key}"] = {form: str(text) for form, text in value.items()}
            elif isinstance(value, text_yaml.Text):
                texts[f"{section}.{key}"] = str(value)
            else:
                raise text_yaml.KnowledgeError(where, entries.key_lines[key], f"{key!r} must be a text")
    return texts
