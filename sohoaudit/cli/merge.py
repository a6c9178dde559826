"""`sohoaudit merge`: one audit of several, such as one made inside and one made outside."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    BrandOption,
    FailOn,
    FailOnOption,
    FormatOption,
    Language,
    LanguageOption,
    OutputOption,
    QuietOption,
    RedactOption,
)


def merge(
    audits: Annotated[list[Path], typer.Argument(metavar="AUDIT.json…", help="Audits, as --format json wrote them.")],
    fingerprints: Annotated[
        Path | None, typer.Option("--fingerprints", metavar="DIR", help="Your own fingerprints; they win over ours.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    language: LanguageOption = None,
    fail_on: FailOnOption = FailOn.URGENT,
    quiet: QuietOption = False,
    brand: BrandOption = None,
    redact: RedactOption = False,
) -> None:
    """Make one audit of several of the same office: seen from inside, from outside, by an index.

    Example: sohoaudit merge inside.json outside.json --format html --output report.html
    """
    from ..merging import merged
    from . import run

    how = run.delivery(format, output, fail_on, quiet, brand, redact)
    known = [run.read_audit(path) for path in audits]
    spoken = Language(language).value if language else None
    whole = merged(known, language=spoken, own_fingerprints=(fingerprints,) if fingerprints else ())
    raise typer.Exit(run.deliver(whole, how))
