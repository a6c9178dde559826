"""Every word of the report is there in every language, and none is left over."""

import ast
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import Formatter

import pytest

import sohoaudit
from sohoaudit import report
from sohoaudit.history.change import compare
from sohoaudit.knowledge import gaps, text_yaml
from sohoaudit.model import Gap
from sohoaudit.report import html
from sohoaudit.report.content import reasons, telling
from sohoaudit.report.content import words as words_module
from sohoaudit.report.content.redact import redacted
from sohoaudit.report.content.words import Words, languages, words
from tests.report.assessed import offices
from tests.report.offices import FORWARDED, OFFICES, many
from tests.report.test_changes import MONTH

# Vocabularies are looked up by words that devices and rules bring; any of theirs may not occur in the offices.
VOCABULARIES = (
    "knowledge.", "setting.", "setting_value.", "stage.", "date.month_", "evidence_meaning.", "doubt.", "certainty.",
    "gap_subject.", "pace.", "seen.",
    # What cron prints; tests/history and tests/cli see to it.
    "changes.first", "changes.no_finding", "changes.expired", "changes.not_looked_at", "changes.and_more",
)  # fmt: skip


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
    reasons._band.cache_clear()
    html._environment.cache_clear()  # words that need no value are set when a template is compiled
    for office in (*OFFICES.values(), many(300), *offices(language).values(), redacted(OFFICES["forwarded"])):
        for format in ("html", "text", "markdown"):
            report.write(replace(office, language=language), format, language, io.BytesIO())
    month = compare(MONTH[0], MONTH[1], fixed_before={"fin-back"})
    html.write(FORWARDED, language, io.BytesIO(), since=month)
    html.write(FORWARDED, language, io.BytesIO(), since=compare(MONTH[0], MONTH[0]))
    html.changes_page(month, language)
    for difference in (month, compare(MONTH[0], MONTH[0]), compare(MONTH[0], replace(MONTH[0], devices=()))):
        telling.lines(difference, words(language))
        telling.mail(difference.changes * 5, difference, "more", words(language))
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


def test_every_reason_that_the_program_gives_can_be_told_in_every_language_and_no_other() -> None:
    given = {code for file in Path(sohoaudit.__file__).parent.rglob("*.py") for code in _codes(file)}
    assert {"stopped", "router-silent", "target-silent", "rule-failed", "way-failed", "port-unasked"} <= given
    english, japanese = gaps.codes("en"), gaps.codes("ja")
    assert english.keys() == japanese.keys() == given
    for code, texts in english.items():
        for ours, theirs in zip(texts, japanese[code], strict=True):
            assert ("{detail}" in ours, bool(ours)) == ("{detail}" in theirs, bool(theirs)), code


def _codes(file: Path) -> Iterator[str]:
    """The third argument of every `gap(…)` and the first of every `Reason(…)`, also where a line before chose it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in ("gap", "Reason"):
            value = node.args[2 if name == "gap" else 0]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            value = node.value
        else:
            continue
        parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def test_a_gap_is_told_in_the_language_of_the_report_and_an_unknown_one_as_it_came() -> None:
    gap = Gap("probe", "192.168.1.7", "stopped answering after 3 answers; left alone", "", False, "left-alone", "3")
    assert words("ja").gap(gap)[1] == "3回応答した後に応答しなくなったため、それ以上の問い合わせを控えました"
    assert words("ja").gap(replace(gap, code="of-tomorrow"))[1] == gap.reason
