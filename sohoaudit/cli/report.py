"""`sohoaudit report`: writes a saved audit again, in another format or language."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from .options import BrandOption, RedactOption


def report(
    audit_file: Annotated[Path, typer.Argument(metavar="AUDIT.json", help="The audit, as --format json wrote it.")],
    format: Annotated[
        str, typer.Option("--format", help="One format, or several with commas: html,json,csv.", metavar="FORMAT,…")
    ] = "html",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The file, the folder for several formats, or - for standard output."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="en or ja; the audit's own where not given.")
    ] = None,
    brand: BrandOption = None,
    redact: RedactOption = False,
) -> None:
    """Write a saved audit again. Example: sohoaudit report audit.json --format html --output report.html."""
    from .. import document
    from .. import report as writers
    from ..report.content.brand import BrandError, read
    from ..report.content.redact import redacted

    formats = [name.strip() for name in format.split(",") if name.strip()]
    try:
        mark = read(brand) if brand else None
        audit = document.parse(audit_file.read_bytes())
    except OSError as fault:
        _stop(f"{audit_file} cannot be read ({fault.strerror}): check the path and its permissions")
    except BrandError as fault:
        _stop(str(fault))
    except document.DocumentError as fault:
        _stop(f"{audit_file}: {fault}")
    try:
        audit = redacted(audit) if redact else audit
        writers.save(audit, formats, language or audit.language, "-" if output is None else output, mark)
    except BrokenPipeError:
        raise
    except OSError as fault:
        _stop(f"{output} cannot be written ({fault.strerror}): check the path, its permissions and the free space")
    except ValueError as fault:
        _stop(str(fault))


def _stop(message: str) -> NoReturn:
    typer.echo("sohoaudit: " + " ".join(message.split()), err=True)
    raise typer.Exit(2)
