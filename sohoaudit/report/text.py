"""The summary for a terminal: what to do, in order, and what could not be looked at."""

import re
import shutil
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from ..model import Acceptance, Audit, Finding, Priority, printable
from .content import digest, redact
from .content.widths import columns as width_of
from .content.widths import padded
from .content.words import Words, words

ENDING = "txt"
_MARGIN = " " * 10
_TEXT_LIMIT = 160
_STEP_LIMIT = 400
_GAPS_SHOWN = 5
_STEPS_SHOWN = 2
_PLACES_SHOWN = 3
FILE_COLUMNS = 100
_LEAST_COLUMNS, _MOST_COLUMNS = 50, 120
# What a line may be broken after: a word with its spaces, or one wide character with the marks that close it.
_WIDE = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uffef"
_PIECES = re.compile(f"[{_WIDE}][。、」）：！？ー]*|[^\\s{_WIDE}]+[。、」）：]*\\s*|\\s+")
_COLOURS = {Priority.URGENT: "31;1", Priority.HIGH: "33;1", Priority.MEDIUM: "34;1", Priority.LOW: "2"}


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write the summary without colour."""
    stream.write(summary(audit, language, colour=False, columns=FILE_COLUMNS).encode("utf-8", "backslashreplace"))


def summary(audit: Audit, language: str, colour: bool, columns: int | None = None) -> str:
    """The summary as lines that end in a newline, at most `columns` wide (the terminal's width where not given).

    `colour` adds the escapes that a terminal shows as colour.
    """
    t = words(language)
    columns = columns or shutil.get_terminal_size((FILE_COLUMNS, 24)).columns
    columns = min(max(columns, _LEAST_COLUMNS), _MOST_COLUMNS)
    places = digest.places(audit)
    tasks = digest.tasks(places)
    verdict = digest.verdict(audit, tasks)
    lines = list(_wrapped(f"{t('page.demo')} {t('page.demo_meaning')}", columns)) if audit.is_demo else []
    if redact.REDACTED in audit.settings:
        lines += _wrapped(f"{t('page.redacted')} {t('page.redacted_meaning')}", columns)
    shown = [task for task in tasks if task.priority is not Priority.LOW] or tasks[: digest.PAGE_ONE]
    for task in shown:
        lines += _task(task, t, colour, columns)
    if left := len(tasks) - len(shown):
        lines.append(_MARGIN + t("do.later", count=left))
    for place, finding, taken in digest.accepted(places):
        lines += _accepted(place, finding, taken, t, columns)
    said = t("verdict.joiner").join(part for part in (verdict.sentence(t), verdict.looked_at(t)) if part)
    lines += _wrapped(said, columns)
    lines += _unjudged(digest.missed(audit, places), t, columns)
    for gap in sorted(audit.coverage, key=lambda gap: not gap.matters)[:_GAPS_SHOWN]:
        subject, reason, _ = t.gap(gap)
        lines += _wrapped(f"{_line(subject)}{t('page.colon')}{_line(reason)}", columns, "  ", "    ")
    if len(audit.coverage) > _GAPS_SHOWN:
        lines.append("  " + t("page.more", count=len(audit.coverage) - _GAPS_SHOWN))
    return "".join(line + "\n" for line in lines)


def _unjudged(missed: digest.Missed, t: Words, columns: int) -> Iterator[str]:
    """The devices that answered, and told too little to be judged."""
    for key, found in (("nameless", missed.nameless), ("versionless", missed.versionless)):
        if found:
            named = (f"{next(iter(each.device.addresses), '')} ({digest.name(each.device, t)})" for each in found)
            shown = t("page.comma").join(islice(named, _PLACES_SHOWN))
            more = f" {t('page.more', count=left)}" if (left := len(found) - _PLACES_SHOWN) > 0 else ""
            yield from _wrapped(f"{t(f'fine.{key}', count=len(found))} {_line(shown)}{more}", columns, "  ", "    ")


def _task(task: digest.Task, t: Words, colour: bool, columns: int) -> Iterator[str]:
    word = t(f"priority.{task.priority}").lower()
    first, *rest = _wrapped(_line(task.first.title), columns, "  " + padded(word, 8), _MARGIN)
    yield first.replace(word, f"\x1b[{_COLOURS[task.priority]}m{word}\x1b[0m", 1) if colour else first
    yield from rest
    for place in task.places[:_PLACES_SHOWN]:
        address = next(iter(place.device.addresses), "")
        yield from _wrapped(_line(f"{address} ({digest.name(place.device, t)})".strip()), columns, _MARGIN)
    if len(task.places) > _PLACES_SHOWN:
        yield _MARGIN + t("page.more", count=len(task.places) - _PLACES_SHOWN)
    steps = task.steps(t)
    under = _MARGIN + " " * 6
    for number, step in enumerate(steps[:_STEPS_SHOWN]):
        label = _MARGIN + padded(t("do.short"), 6) if number == 0 else under
        yield from _wrapped(_line(step, _STEP_LIMIT), columns, label, under)
    if len(steps) > _STEPS_SHOWN:
        yield under + t("do.more_steps", count=len(steps) - _STEPS_SHOWN)


def _accepted(place: digest.Place, finding: Finding, taken: Acceptance, t: Words, columns: int) -> Iterator[str]:
    yield from _wrapped(_line(finding.title), columns, "  " + padded(t("accepted.mark"), 8), _MARGIN)
    address = next(iter(place.device.addresses), "")
    yield from _wrapped(_line(f"{address} ({digest.name(place.device, t)})".strip()), columns, _MARGIN)
    yield from _wrapped(_line(digest.acceptance(taken, t), _STEP_LIMIT), columns, _MARGIN)


def _wrapped(text: str, columns: int, first: str = "", after: str | None = None) -> Iterator[str]:
    """The text in lines of at most so many columns, the first one and those after it led in by what is given."""
    line, used = first, width_of(first)
    lead = first if after is None else after
    for piece in _PIECES.findall(text):
        for part in _portions(piece, columns - width_of(lead)):
            width = width_of(part.rstrip())
            if used + width > columns and line.strip():
                yield line.rstrip()
                line, used = lead, width_of(lead)
            line, used = line + part, used + width_of(part)
    yield line.rstrip()


def _portions(piece: str, columns: int) -> Iterator[str]:
    """A piece cut where it alone is wider than a line."""
    start, used = 0, 0
    for index, character in enumerate(piece):
        used += width_of(character)
        if used > columns and not character.isspace():
            yield piece[start:index]
            start, used = index, width_of(character)
    yield piece[start:]


def _line(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Device text on one line, unable to steer the terminal, cut to a bound."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[:limit] + "…"
