"""`sohoaudit scan`: audits this machine's own network, or the addresses that were named."""

import os
import random
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ..model import Audit, Vantage
from .configured import Configured
from .options import (
    ChangesOption,
    ClientOption,
    ConfigOption,
    FailOn,
    FailOnOption,
    FormatOption,
    HistoryOption,
    JitterOption,
    LanguageOption,
    LogFormatOption,
    NoHistoryOption,
    OutputOption,
    QuietOption,
    language_of,
)

COMMAND = Configured


def scan(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET…",
            help="Address, range (192.168.1.10-40), network (192.168.1.0/24), name, gateway, lan, or @file.",
        ),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="TARGET", help="Never touch these.")] = None,
    ports: Annotated[
        str | None, typer.Option("--ports", metavar="80,443,8000-8010", help="TCP ports; default: the 84 telling ones.")
    ] = None,
    vantage: Annotated[Vantage, typer.Option("--vantage", help="Where this machine stands.")] = Vantage.LAN,
    authorized: Annotated[
        str | None, typer.Option("--authorized", metavar="WHO", help="Who allowed it; needed for public addresses.")
    ] = None,
    pace: Annotated[str, typer.Option("--pace", metavar="gentle|normal|lab", help="How fast to ask.")] = "normal",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    fingerprints: Annotated[
        Path | None, typer.Option("--fingerprints", metavar="DIR", help="Your own fingerprints; they win over ours.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    language: LanguageOption = None,
    fail_on: FailOnOption = FailOn.URGENT,
    quiet: QuietOption = False,
    history: HistoryOption = None,
    no_history: NoHistoryOption = False,
    changes: ChangesOption = False,
    jitter: JitterOption = None,
    client: ClientOption = None,
    config: ConfigOption = None,
    log_format: LogFormatOption = None,
) -> None:
    """Audit your own network, or the addresses you name.

    Example: sohoaudit scan 192.168.1.0/24 --output report.html --format html

    SNMP communities beside "public" come from the environment: SOHOAUDIT_SNMP_COMMUNITIES=name,name.
    """
    from .. import logs
    from ..audit import Auditor, Settings, Watch, default_tcp_ports, plan
    from ..here import Here
    from ..history.runs import Busy
    from ..keeping import hash_key, history_place, keeping
    from ..schedule import duration_s
    from ..scope import check_routes, parse
    from ..sweep.pace import MANNERS
    from . import run

    if pace not in MANNERS:
        raise typer.BadParameter(f"--pace {pace!r}: choose from {', '.join(MANNERS)}")
    if changes and no_history:
        raise typer.BadParameter("--changes needs the history: leave --no-history away")
    if changes and output == "-":
        raise typer.BadParameter("--changes prints the change: give --output a file")
    if jitter:
        duration_s(jitter)
    if vantage is Vantage.INDEX:
        raise typer.BadParameter("--vantage index: a scan looks from lan or internet")
    place = None if no_history else history_place(history)
    here = Here()
    scope = parse(targets or [], exclude=exclude or [], vantage=vantage, authority=authorized, here=here)
    run.formats_of(format, output)
    settings = Settings(
        tcp_ports=run.ports_of(ports) if ports else default_tcp_ports(),
        manners=MANNERS[pace],
        communities=_communities(),
        language=language_of(language),
        fingerprints=(fingerprints,) if fingerprints else (),
        key=hash_key(place),
    )
    intent = plan(scope, settings)
    if dry_run:
        print(run.described(scope, settings, intent))
        return
    if not targets and not (yes and quiet):
        _confirm(run.described(scope, settings, intent), is_sure=yes)

    check_routes(scope)
    if jitter:
        time.sleep(random.uniform(0, duration_s(jitter)))  # noqa: S311 -- spreads the load, hides nothing

    try:
        with keeping(place, scope, site=client or "") as keeper:

            async def audit(watch: Watch, started: run.Started) -> Audit:
                auditor = Auditor([scope], settings, here=here, watch=watch)
                started(auditor)
                return keeper.kept(await auditor.run())

            if changes:
                code = run.perform_changes(
                    audit, intent.seconds, keeper, formats=format, output=output, fail_on=fail_on, is_quiet=quiet
                )
            else:
                code = run.perform(
                    audit, intent.seconds, formats=format, output=output, fail_on=fail_on, is_quiet=quiet
                )
    except Busy as busy:
        print(f"sohoaudit: {busy}", file=sys.stderr)
        raise typer.Exit(3) from None
    logs.event("the audit ended", exit_code=code, targets=list(scope.targets))
    raise typer.Exit(code)


def _communities() -> tuple[str, ...]:
    given = os.environ.get("SOHOAUDIT_SNMP_COMMUNITIES", "")
    return ("public", *(name for part in given.split(",") if (name := part.strip()) and name != "public"))


def _confirm(description: str, *, is_sure: bool) -> None:
    """Show what the machine's own network is and ask; without a terminal there is nobody to ask."""
    print(description, file=sys.stderr)
    if is_sure:
        return
    if not sys.stdin.isatty():
        print("sohoaudit: nobody is there to confirm: add --yes to audit this network", file=sys.stderr)
        raise typer.Exit(2)
    if not typer.confirm("Go on?", err=True):
        raise typer.Exit(2)
