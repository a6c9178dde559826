"""Every word of the report is there in every language, and none is left over."""

import io
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

from sohoaudit import report
from sohoaudit.knowledge import text_yaml
from sohoaudit.report.content import words as words_module
from sohoaudit.report.content.words import Words, languages, words
from tests.report.offices import OFFICES, many

# Vocabularies are looked up by words that devices and rules bring; any of theirs may not occur in the offices.
VOCABULARIES = ("kind.", "knowledge.", "setting.", "stage.", "worst.", "date.month_", "evidence_meaning.", "certainty.")


def test_english_and_japanese_are_there() -> None:
    assert languages() == ("en", "ja")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_text_is_missing_and_none_is_unused(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[str] = set()

    def recorded(self: Words, key: str, **values: object) -> str:
        used.add(key)
        return plain(self, key, **values)

    plain = Words.__call__
    monkeypatch.setattr(Words, "__call__", recorded)
    for office in (*OFFICES.values(), many(300)):
        for format in ("html", "text", "markdown"):
            report.write(replace(office, language=language), format, language, io.BytesIO())
    unused = {key for key in words(language).keys - used if not key.startswith(VOCABULARIES)}
    assert unused == set()


def test_every_language_has_the_same_keys_and_places() -> None:
    english, japanese = words("en"), words("ja")
    assert english.keys == japanese.keys
    differing = [key for key in sorted(english.keys) if _places(english, key) != _places(japanese, key)]
    assert differing == []


def _places(language: Words, key: str) -> set[str | None]:
    text = language._texts[key]
    forms = text["other"] if isinstance(text, dict) else text
    return {name for _, name, _, _ in Formatter().parse(forms) if name is not None}


def test_japanese_has_no_english_sentence_left() -> None:
    texts = [text for text in words("ja")._texts.values() if isinstance(text, str)]
    assert [text for text in texts if len(text) > 12 and text.isascii()] == []


def test_a_count_chooses_the_form_of_the_word() -> None:
    assert words("en")("verdict.gaps", count=1) == "1 thing could not be looked at."
    assert words("en")("verdict.gaps", count=1_200) == "1,200 things could not be looked at."
    assert words("ja")("verdict.gaps", count=1) == "確認できなかったことが1件あります。"


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "23 November 2026, 09:02 (UTC+09:00)"), ("ja", "2026年11月23日 09:02（UTC+09:00）")],
)
def test_a_time_is_written_as_people_of_the_language_write_it(language: str, written: str) -> None:
    assert words(language).moment(OFFICES["clean"].started) == written


def test_a_missing_text_is_a_fault_and_never_shows_its_key() -> None:
    with pytest.raises(KeyError):
        words("en")("page.no_such_text")


def test_a_braced_value_is_not_filled_in_again() -> None:
    assert words("en")("devices.latest", version="{count}") == "newest: {count}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "reports/xx/interface.yaml:1: write sections"),
        ("page:\n  yes: {few: a}\n", "reports/xx/interface.yaml:2: 'yes' must be a text"),
        ("page: word\n", "reports/xx/interface.yaml:1: 'page' must hold"),
    ],
)  # fmt: skip
def test_a_broken_language_file_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "interface.yaml"
    file.write_text(text)
    with pytest.raises(text_yaml.KnowledgeError) as fault:
        words_module.read_texts(file, "xx")
    assert str(fault.value).startswith(said)
