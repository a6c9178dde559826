"""Says why something could not be looked at, in every language: the texts of `reports/LANGUAGE/gaps.yaml`."""

from dataclasses import dataclass
from functools import cache

from ..model import Gap
from . import KnowledgeError, shipped


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a code of the texts, with what it is about; `said` is how it was told where the code is not known."""

    code: str
    detail: "str | Reason" = ""
    said: str = ""

    def told(self, language: str) -> str:
        """The reason in one language, or as it was said.

        Raises:
            KnowledgeError: the language has no texts.
        """
        text = _texts(language).get(self.code)
        detail = self.detail if isinstance(self.detail, str) else self.detail.told(language)
        return text[0].format(detail=detail) if text else self.said

    def __str__(self) -> str:
        """The reason in English."""
        return self.told("en")


def gap(stage: str, subject: str, code: str, detail: str = "", *, matters: bool = False) -> Gap:
    """One thing that could not be looked at, reason and remedy told in English; see `model.Gap`."""
    reason, remedy = _texts("en")[code]
    return Gap(stage, subject, reason.format(detail=detail), remedy.format(detail=detail), matters, code, detail)


def reason_of(gap: Gap) -> Reason:
    """Why, as a reason that can be told in another language."""
    return Reason(gap.code, gap.detail, gap.reason)


def remedy_of(gap: Gap, language: str) -> str:
    """What to do about it, empty where nothing helps; as it was said where the code is not known."""
    text = _texts(language).get(gap.code)
    return text[1].format(detail=gap.detail) if text else gap.remedy


def codes(language: str) -> dict[str, tuple[str, str]]:
    """Every code with its reason and remedy, `{detail}` in place."""
    return dict(_texts(language))


@cache
def _texts(language: str) -> dict[str, tuple[str, str]]:
    """Reason and remedy by code; a text alone is a reason without a remedy."""
    from . import text_yaml

    where = f"reports/{language}/gaps.yaml"
    file = shipped("reports") / language / "gaps.yaml"
    if not file.is_file():
        raise KnowledgeError(where, 1, "the language has no reasons: write this file")
    root = text_yaml.load(file.read_text(encoding="utf-8"), where).root
    if not isinstance(root, text_yaml.Mapping):
        raise KnowledgeError(where, 1, "write codes, each with its reason")
    texts = {}
    for code, value in root.items():
        if isinstance(value, text_yaml.Text):
            texts[code] = (str(value), "")
        elif isinstance(value, text_yaml.Mapping) and set(value) == {"reason", "remedy"}:
            texts[code] = (str(value["reason"]), str(value["remedy"]))
        else:
            raise KnowledgeError(where, root.key_lines[code], f"{code!r} must be a text, or reason and remedy")
    return texts
