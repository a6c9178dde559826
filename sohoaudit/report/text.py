"""The summary for a terminal: what to do, in order, and what could not be looked at."""

from typing import BinaryIO

from ..model import Audit, Priority, printable
from .content import digest
from .content.words import Words, words

ENDING = "txt"
_MARGIN = " " * 10
_TEXT_LIMIT = 160
_GAPS_SHOWN = 5
_COLOURS = {Priority.URGENT: "31;1", Priority.HIGH: "33;1", Priority.MEDIUM: "34;1", Priority.LOW: "2"}


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write the summary without colour."""
    stream.write(summary(audit, language, colour=False).encode("utf-8", "backslashreplace"))


def summary(audit: Audit, language: str, colour: bool) -> str:
    """The summary as lines that end in a newline; `colour` adds the escapes that a terminal shows as colour."""
    t = words(language)
    places = digest.places(audit)
    tasks = digest.tasks(places)
    verdict = digest.verdict(audit, tasks)
    lines = [f"{t('page.demo')} {t('page.demo_meaning')}"] if audit.is_demo else []
    shown = [task for task in tasks if task.priority is not Priority.LOW] or tasks[: digest.PAGE_ONE]
    for task in shown:
        lines += _task(task, t, colour)
    if left := len(tasks) - len(shown):
        lines.append(_MARGIN + t("do.later", count=left))
    lines.append(t("verdict.joiner").join(part for part in (verdict.sentence(t), verdict.looked_at(t)) if part))
    for gap in sorted(audit.coverage, key=lambda gap: not gap.matters)[:_GAPS_SHOWN]:
        subject, reason, _ = t.gap(gap)
        lines.append(f"  {_line(subject)}{t('page.colon')}{_line(reason)}")
    if len(audit.coverage) > _GAPS_SHOWN:
        lines.append("  " + t("page.more", count=len(audit.coverage) - _GAPS_SHOWN))
    return "".join(line + "\n" for line in lines)


def _task(task: digest.Task, t: Words, colour: bool) -> list[str]:
    word = t(f"priority.{task.priority}").lower()
    head = "  " + _padded(word, 8)
    if colour:
        head = head.replace(word, f"\x1b[{_COLOURS[task.priority]}m{word}\x1b[0m", 1)
    lines = [head + _line(task.first.title)]
    for place in task.places[:3]:
        address = next(iter(place.device.addresses), "")
        lines.append(_MARGIN + _line(f"{address} ({digest.name(place.device, t)})".strip()))
    if len(task.places) > 3:
        lines.append(_MARGIN + t("page.more", count=len(task.places) - 3))
    for number, step in enumerate(task.first.remedy[:3]):
        label = t("do.steps") if number == 0 else ""
        lines.append(_MARGIN + _padded(label, 6) + _line(step, 400))
    return lines


def _padded(text: str, columns: int) -> str:
    return text + " " * max(columns - _columns(text), 0)


def _columns(text: str) -> int:
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _line(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Device text on one line, unable to steer the terminal, cut to a bound."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= limit else flat[:limit] + "…"
