"""`sohoaudit identify`: names devices from what they said, line by line, without touching a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer


def identify(
    file: Annotated[Path, typer.Argument(help="JSON lines with an id and observations; - reads standard input.")],
    fingerprints: Annotated[
        Path | None, typer.Option("--fingerprints", metavar="DIR", help="Your own fingerprints; they win over ours.")
    ] = None,
) -> None:
    """Name devices from their answers: one JSON object a line in, one a line out, in the same order.

    Example: sohoaudit identify answers.jsonl
    """
    import gc
    import sys

    from ..identify.lines import answers
    from ..knowledge.fingerprints import load

    with faults_told():
        known = load([fingerprints] if fingerprints else [])
    is_sound = True
    gc.freeze()  # What was loaded stays: looking through it again and again costs more than the answers.
    write = sys.stdout.write
    for answer, is_answered in answers(lines_of(file), known):
        is_sound = is_sound and is_answered
        write(answer + "\n")
    if not is_sound:
        raise typer.Exit(2)


def lines_of(file: Path) -> Iterator[bytes]:
    """The lines of a file, or of standard input for `-`; a file that cannot be read ends the command with 2."""
    import sys

    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as fault:
        typer.echo(f"sohoaudit: {file} cannot be read: {fault.strerror}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def faults_told() -> Iterator[None]:
    """Tells faults of the knowledge on stderr, one a line, and ends the command with 2."""
    from ..knowledge import KnowledgeError

    try:
        yield
    except KnowledgeError as fault:
        for line in str(fault).splitlines():
            typer.echo(f"sohoaudit: {line}", err=True)
        raise typer.Exit(2) from None
