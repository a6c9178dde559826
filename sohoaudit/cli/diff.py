"""`sohoaudit diff`: what changed between two audits, of files or of the history."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import Configured
from .history import opened
from .options import ConfigOption, HistoryOption, LanguageOption, language_of

if TYPE_CHECKING:
    from ..model import Audit

COMMAND = Configured


def diff(
    old: Annotated[str, typer.Argument(help="A file of --format json, a number of the history, or previous.")] = "",
    new: Annotated[str, typer.Argument(help="The same for the later audit, or last.")] = "",
    format: Annotated[str, typer.Option("--format", metavar="text|json|html", help="How to write it.")] = "text",
    output: Annotated[str, typer.Option("--output", "-o", help="A file; - is standard output.")] = "-",
    language: LanguageOption = None,
    history: HistoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what is new, changed, fixed and gone; without names, between the last two audits of the same scope.

    Example: sohoaudit diff october.json november.json

    Gone is said only of what was looked at again. Leaves with 0, whatever changed.
    """
    from ..history.change import compare
    from ..history.recognise import aligned
    from ..report import told_in
    from ..report.content import telling
    from ..report.content.words import words

    if format not in ("text", "json", "html"):
        raise typer.BadParameter(f"--format {format!r}: choose text, json or html")
    if not old and not new:
        old, new = _last_two(history)
    spoken = language_of(language)
    earlier, later = (told_in(_audit(name, history), spoken) for name in (old or "previous", new or "last"))
    if not (_is_number(old) and _is_number(new)):
        later = aligned(earlier, later)
    difference = compare(earlier, later)
    if format == "text":
        text = "\n".join(telling.lines(difference, words(spoken))) + "\n"
    elif format == "json":
        text = json.dumps(telling.to_document(difference), ensure_ascii=False, indent=2) + "\n"
    else:
        from ..report.html import changes_page

        text = changes_page(difference, spoken)
    _write(text, output)


def _is_number(name: str) -> bool:
    return name.isdecimal() and not Path(name).exists()


def _last_two(history: str | None) -> tuple[str, str]:
    with opened(history) as known:
        audits = known.audits()
        before = next((entry for entry in audits[1:] if entry.scope == audits[0].scope), None)
    if before is None:
        raise typer.BadParameter("the history has no two audits of one scope yet: name two files, or scan again")
    return str(before.id), str(audits[0].id)


def _audit(name: str, history: str | None) -> "Audit":
    if name in ("last", "previous"):
        name = _last_two(history)[name == "last"]
    if _is_number(name):
        with opened(history) as known:
            return known.audit(int(name))
    from ..document import DocumentError, parse

    try:
        return parse(Path(name).read_bytes())
    except OSError as fault:
        raise typer.BadParameter(
            f"{name} cannot be read ({fault.strerror}): name a file, or a number of 'sohoaudit history list'"
        ) from None
    except DocumentError as fault:
        raise typer.BadParameter(f"{name}: {fault}") from None


def _write(text: str, output: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    if output == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        Path(output).write_bytes(data)
    except OSError as fault:
        raise typer.BadParameter(f"{output} cannot be written ({fault.strerror}): give another --output") from None
