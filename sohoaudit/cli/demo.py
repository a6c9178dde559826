"""`sohoaudit demo`: audits a made-up office over real sockets on loopback, to show what a report looks like."""

import sys

import typer

from ..model import Audit
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

# How long the made-up office takes, for the progress line (measured).
DEMO_S = 8


def demo(
    format: FormatOption = None,
    output: OutputOption = None,
    language: LanguageOption = None,
    brand: BrandOption = None,
    redact: RedactOption = False,
    fail_on: FailOnOption = FailOn.URGENT,
    quiet: QuietOption = False,
) -> None:
    """Audit a made-up office on this machine; nothing leaves it.

    Example: sohoaudit demo --output office.html --format html
    """
    from ..audit import Auditor, Settings, Watch
    from ..demo import open_office
    from ..here import Nowhere
    from ..sweep.pace import LAB
    from . import run

    settings = Settings(manners=LAB, language=language_of(language), is_demo=True)
    how = run.delivery(format, output, fail_on, quiet, brand, redact)

    async def audit(watch: Watch, started: run.Started) -> Audit:
        async with open_office() as office:
            auditor = Auditor([office.lan, office.wan], settings, street=office.street, here=Nowhere(), watch=watch)
            started(auditor)
            return await auditor.run()

    if not quiet:
        print("A made-up office on this machine only; nothing leaves it.", file=sys.stderr)
    raise typer.Exit(run.perform(audit, DEMO_S, how))
