"""`sohoaudit scan`: audits this machine's own network, or the addresses that were named."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ..model import Audit, Gap, Index, Priority, Scope, Vantage
from .configured import ConfiguredScan, for_the_journal
from .options import (
    BrandOption,
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
    NotifyOnOption,
    NotifyOption,
    OfflineOption,
    OutputOption,
    QuietOption,
    RedactOption,
    language_of,
)

_COMMUNITIES = "SOHOAUDIT_SNMP_COMMUNITIES"

if TYPE_CHECKING:
    from ..audit import Settings
    from ..journal import Journal


class Scan(ConfiguredScan):
    """The scan, with its many options under a few headings of its help."""

    headings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "What to look at": ("targets", "exclude", "ports", "vantage", "authorized", "hairpin", "index", "resume"),
        "How to ask": ("pace", "sweep", "offline", "jitter", "dry_run", "yes"),
        "What to write": (
            "format", "output", "language", "brand", "redact", "with_audits", "fail_on", "quiet", "log_format",
        ),
        "Over time": ("history", "no_history", "changes", "notify", "notify_on"),
        "What to know": ("fingerprints", "client", "config"),
    }  # fmt: skip


COMMAND = Scan


def scan(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET…",
            help="Address, range (192.168.1.10-40), network (192.168.1.0/24), name, gateway, lan, wan, or @file.",
        ),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="TARGET", help="Never touch these.")] = None,
    ports: Annotated[
        str | None,
        typer.Option(
            "--ports",
            metavar="80,8000-8010|thorough",
            help="TCP ports; default: the 84 telling ones; thorough: also those where intruders were found.",
        ),
    ] = None,
    vantage: Annotated[Vantage, typer.Option("--vantage", help="Where this machine stands.")] = Vantage.LAN,
    authorized: Annotated[
        str | None, typer.Option("--authorized", metavar="WHO", help="Who allowed it; needed for public addresses.")
    ] = None,
    hairpin: Annotated[
        bool, typer.Option("--hairpin", help="Also ask this network's own internet address from inside.")
    ] = False,
    index: Annotated[
        Index | None,
        typer.Option("--index", help="Ask this index what it saw of the internet address alone."),
    ] = None,
    pace: Annotated[
        str | None,
        typer.Option("--pace", metavar="gentle|normal|lab", help="How fast to ask.", show_default="normal"),
    ] = None,
    sweep: Annotated[
        str, typer.Option("--sweep", metavar="connect|syn", help="How to ask ports; syn sends raw packets.")
    ] = "connect",
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="AUDIT", help='Go on with an audit that was cut off: its --output, or "last".'
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    with_audits: Annotated[
        list[Path] | None, typer.Option("--with", metavar="AUDIT.json", help="Merge with this audit; may be repeated.")
    ] = None,
    fingerprints: Annotated[
        Path | None, typer.Option("--fingerprints", metavar="DIR", help="Your own fingerprints; they win over ours.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    language: LanguageOption = None,
    brand: BrandOption = None,
    redact: RedactOption = False,
    fail_on: FailOnOption = FailOn.URGENT,
    quiet: QuietOption = False,
    history: HistoryOption = None,
    no_history: NoHistoryOption = False,
    changes: ChangesOption = False,
    jitter: JitterOption = None,
    notify: NotifyOption = None,
    notify_on: NotifyOnOption = "change",
    offline: OfflineOption = False,
    client: ClientOption = None,
    config: ConfigOption = None,
    log_format: LogFormatOption = None,
) -> None:
    """Audit your own network, or the addresses you name.

    Example: sohoaudit scan 192.168.1.0/24 --output report.html --format html

    From the environment come Shodan's key (SHODAN_API_KEY) and SNMP communities beside "public":
    SOHOAUDIT_SNMP_COMMUNITIES=name,name.
    """
    from .. import indexes, logs, outside
    from ..audit import Auditor, Settings, Watch, default_tcp_ports, plan
    from ..here import Here
    from ..history.lock import Busy
    from ..journal import Journal, find, refuse_another
    from ..keeping import history_place, keeping
    from ..merging import merged
    from ..schedule import duration_s
    from ..scope import check_routes, parse
    from ..sweep.pace import MANNERS
    from . import run

    _refuse_contradictions(changes=changes, no_history=no_history, output=output, offline=offline, index=index)
    _refuse_unknown(pace=pace, sweep=sweep, vantage=vantage, notify_on=notify_on)
    if notify:
        from .. import notices

        notices.check(notify)
    wait_s = random.uniform(0, duration_s(jitter)) if jitter else 0  # noqa: S311 -- spreads the load, hides nothing
    place = None if no_history else history_place(history)
    here = Here()
    wanted_ports = run.ports_of(ports) if ports else None
    journal = Journal.reopen(find(resume)) if resume else None
    kept = journal.head if journal else None
    if index:
        indexes.ready(index)
    own = outside.Own(here, vantage, is_dry=dry_run)
    if kept and not targets:
        scope = kept.scope
    else:
        scope = parse(
            targets or [], exclude=exclude or [], vantage=vantage, authority=authorized, here=here, wan=own.addresses
        )
    if journal and kept:
        refuse_another(kept, journal.path, scope=scope if targets else None, tcp_ports=wanted_ports, is_hairpin=hairpin)
        _refuse_fewer_communities(journal.path, kept.options)
        own.told, own.gaps = kept.hairpin, list(kept.gaps)
    more = kept.more if kept else own.hairpin_scopes(authorized, exclude or []) if hairpin else ()
    scopes = [scope, *more]
    known = [run.read_audit(path) for path in with_audits or []]
    how = run.delivery(format, output, fail_on, quiet, brand, redact)
    settings = Settings(
        tcp_ports=kept.tcp_ports if kept else wanted_ports or default_tcp_ports(),
        manners=MANNERS[pace or "normal"],
        communities=_communities(),
        language=language_of(language),
        fingerprints=(fingerprints,) if fingerprints else (),
        hairpin=own.told if vantage is Vantage.LAN else (),
        sweep=sweep,
    )
    intent = plan(journal.rest_of(scope) if journal else scope, settings)
    if dry_run:
        print(run.described(scope, settings, intent))
        return
    if not targets and not resume and not (yes and quiet):
        _confirm(run.described(scope, settings, intent), is_sure=yes)
    if sweep == "syn":
        _tell_missing_right()
    check_routes(scope)
    time.sleep(wait_s)

    try:
        with keeping(place, scope, site=client or "") as keeper:
            journal = journal or _begun(scopes, settings, own.gaps, context.params)

            async def audit(watch: Watch, started: run.Started) -> Audit:
                auditor = Auditor(scopes, settings, here=here, watch=watch, gaps=own.gaps, journal=journal)
                started(auditor)
                seen = await auditor.run()
                beside = [*known, *(await asyncio.to_thread(outside.indexed, index, seen) if index else [])]
                return keeper.kept(merged([seen, *beside], own_fingerprints=settings.fingerprints) if beside else seen)

            if changes:
                is_asked_for = format is not None or output is not None
                code = run.perform_changes(audit, intent.seconds, how, keeper, journal, has_report=is_asked_for)
            else:
                code = run.perform(audit, intent.seconds, how, journal, keeper)
            if notify and not offline:
                keeper.post(notify, notify_on)
    except Busy as busy:
        print(f"sohoaudit: {busy}", file=sys.stderr)
        raise typer.Exit(3) from None
    logs.event("the audit ended", exit_code=code, targets=list(scope.targets))
    raise typer.Exit(code)


def _refuse_contradictions(
    *, changes: bool, no_history: bool, output: str | None, offline: bool, index: Index | None
) -> None:
    if changes and no_history:
        raise typer.BadParameter("--changes needs the history: leave --no-history away")
    if changes and output == "-":
        raise typer.BadParameter("--changes prints the change: give --output a file")
    if offline and index:
        raise typer.BadParameter(f"--offline asks no index: leave --index {index} away")


def _refuse_unknown(*, pace: str | None, sweep: str, vantage: Vantage, notify_on: str) -> None:
    from ..sweep.pace import MANNERS

    if pace is not None and pace not in MANNERS:
        raise typer.BadParameter(f"--pace {pace!r}: choose from {', '.join(MANNERS)}")
    if sweep not in ("connect", "syn"):
        raise typer.BadParameter(f"--sweep {sweep!r}: choose from connect, syn")
    if vantage is Vantage.INDEX:
        raise typer.BadParameter("--vantage index: a scan looks from lan or internet")
    if notify_on not in ("change", *Priority):
        raise typer.BadParameter(f"--notify-on {notify_on!r}: choose change, {', '.join(Priority)}")


def _begun(
    scopes: Sequence[Scope], settings: "Settings", gaps: Sequence[Gap], options: Mapping[str, Any]
) -> "Journal | None":
    """A new journal; where none can be written the audit goes on without one, and says so."""
    from ..journal import Head, Journal, default_folder

    chosen = for_the_journal({**options, "pace": settings.manners.name, "language": settings.language})
    chosen |= {_COMMUNITIES: None} if len(settings.communities) > 1 else {}
    head = Head(
        scopes[0],
        datetime.now(UTC),
        settings.tcp_ports,
        settings.udp_ports,
        settings.key,
        chosen.get("output"),
        tuple(scopes[1:]),
        settings.hairpin,
        tuple(gaps),
        chosen,
    )
    try:
        return Journal.create(head)
    except OSError as fault:
        where = fault.filename or default_folder()
        print(f"sohoaudit: {where}: {fault.strerror}: this audit cannot be resumed if it is cut off", file=sys.stderr)
        return None


def _tell_missing_right() -> None:
    from ..sweep.raw_client import RawUnavailable, command_to_start

    try:
        command_to_start()
    except RawUnavailable as why:
        print(f"sohoaudit: {why}; this audit uses ordinary connections", file=sys.stderr)


def _refuse_fewer_communities(path: Path, options: Mapping[str, Any]) -> None:
    from ..journal import JournalError

    if _COMMUNITIES in options and not os.environ.get(_COMMUNITIES):
        why = "which open doors and were not written down"
        raise JournalError(f"{path}: was begun with communities in {_COMMUNITIES}, {why}: set it again")


def _communities() -> tuple[str, ...]:
    given = os.environ.get(_COMMUNITIES, "")
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
