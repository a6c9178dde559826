"""`sohoaudit import`: judges what other programs and indexes saw, without a network."""

from pathlib import Path
from typing import Annotated

import typer

from ..model import Vantage
from .options import (
    BrandOption,
    FailOn,
    FailOnOption,
    FormatOption,
    LanguageOption,
    OutputOption,
    QuietOption,
    RedactOption,
    language_of,
)


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files of those programs; .gz as well.")],
    vantage: Annotated[
        Vantage | None, typer.Option("--vantage", help="Where the program looked from; an index says it itself.")
    ] = None,
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
    """Judge what nmap, masscan, zmap, zgrab2, Shodan or Censys saw; the format is told by the content.

    Example: sohoaudit import scan.xml --vantage internet --format html --output report.html
    """
    from ..importing import imported
    from . import run

    how = run.delivery(format, output, fail_on, quiet, brand, redact)
    own = (fingerprints,) if fingerprints else ()
    audit = imported(files, vantage, language=language_of(language), own_fingerprints=own)
    raise typer.Exit(run.deliver(audit, how))
