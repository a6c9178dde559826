"""Runs one audit for `scan` and `demo`: progress, Ctrl-C, the reports, the summary and the exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .. import document, report
from ..audit import Auditor, Plan, Settings, Watch, exit_code
from ..journal import Journal
from ..keeping import Keeper
from ..knowledge.ports import harmful_ports, thorough_tcp_ports
from ..model import Audit, Priority, Scope
from ..report import text
from ..report.content.brand import Brand
from ..report.content.brand import read as read_brand
from ..report.content.redact import redacted
from . import INTERRUPTED, TERMINATED
from .options import FailOn
from .progress import Reporter

if TYPE_CHECKING:
    from ..history.change import Difference

Started = Callable[[Auditor], None]
Run = Callable[[Watch, Started], Awaitable[Audit]]


def formats_of(text: str | None, output: str | None) -> tuple[str, ...]:
    """The formats of a `--format` option; html and json where it was not given. Checked before anything is sent."""
    names = tuple(dict.fromkeys(part.strip() for part in (text or "html,json").split(",") if part.strip()))
    for name in names:
        if name not in report.formats():
            raise typer.BadParameter(f"--format {name!r}: choose from {', '.join(report.formats())}")
    if output == "-" and len(names) > 1:
        raise typer.BadParameter("--output - takes one format: name it with --format")
    return names


def ports_of(text: str) -> tuple[int, ...]:
    """The ports of a `--ports` option such as `22,80,8000-8010`, each once, in the order given.

    `thorough` stands for the usual ones and those where intruders were found.
    Ports known to do harm when spoken to are left out of a range: who wants one names it by itself.
    """
    ports: list[int] = []
    for part in text.split(","):
        if part.strip() == "thorough":
            ports.extend(thorough_tcp_ports())
            continue
        first, dash, last = part.strip().partition("-")
        try:
            span = range(int(first), int(last if dash else first) + 1)
        except ValueError:
            span = range(0)
        if not span or span[0] < 1 or span[-1] > 65_535:
            wanted = "write numbers from 1 to 65535, as in 22,80,8000-8010, or thorough"
            raise typer.BadParameter(f"--ports {part.strip()!r}: {wanted}")
        ports.extend(span if not dash else (port for port in span if port not in harmful_ports()))
    return tuple(dict.fromkeys(ports))


def described(scope: Scope, settings: Settings, intent: Plan) -> str:
    """What an audit would ask, of whom, at which pace, and for how long, as a person reads it."""
    minutes = intent.seconds / 60
    manners = settings.manners
    where = ", ".join(str(network) for network in scope.networks)
    lines = [
        f"{where}, seen from {'inside' if scope.vantage == 'lan' else 'the internet'}.",
        f"sohoaudit will ask {intent.addresses} addresses: {intent.tcp_ports} TCP ports, {intent.udp_ports} UDP"
        f" questions, first pages and greetings.",
        f"At most {manners.host_packets_a_second:g} packets a second and {manners.host_connections} connections at once"
        f" to a device, {manners.run_packets_a_second:g} packets a second in all.",
        "No password is tried, nothing is changed.",
        f"About {f'{minutes:.0f} minutes' if minutes >= 1.5 else f'{intent.seconds:.0f} seconds'}.",
    ]
    if scope.excluded:
        lines.insert(1, f"Left out: {', '.join(str(network) for network in scope.excluded)}.")
    if scope.authority:
        lines.insert(1, f"Allowed by: {scope.authority}.")
    return "\n".join(lines)


def read_audit(path: Path) -> Audit:
    """An audit that was saved as JSON.

    Raises:
        DocumentError: it cannot be read or is no audit; the text names the file.
    """
    try:
        return document.parse(path.read_bytes())
    except OSError as fault:
        reason = f"{path} cannot be read ({fault.strerror}): check the path and its permissions"
        raise document.DocumentError(reason) from None
    except document.DocumentError as fault:
        raise document.DocumentError(f"{path}: {fault}") from None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an audit is handed over: in which formats, where to, and what makes the exit code 1."""

    formats: tuple[str, ...]
    output: str | None
    fail_on: FailOn
    is_quiet: bool
    brand: Brand | None
    is_redacted: bool


def delivery(
    formats: str | None,
    output: str | None,
    fail_on: FailOn,
    quiet: bool,
    brand: Path | None = None,
    redact: bool = False,
) -> Delivery:
    """The options as they were typed, checked before anything is sent.

    A single format that was asked for without a place goes to stdout, html excepted, which is for a browser.
    """
    names = formats_of(formats, output)
    if formats is not None and output is None and len(names) == 1 and names[0] not in ("html", "pdf"):
        output = "-"
    return Delivery(names, output, fail_on, quiet, read_brand(brand) if brand else None, redact)


def perform(
    run: Run, expected_s: float, how: Delivery, journal: Journal | None = None, keeper: Keeper | None = None
) -> int:
    """Run the audit to its end or to the first Ctrl-C, hand over what it found, and return the exit code.

    The journal is removed once the audit ended by itself and is written.
    """
    with Reporter(is_quiet=how.is_quiet, expected_s=expected_s) as watch:
        audit, stopped_by = asyncio.run(_until_stopped(run, watch))
    try:
        code = deliver(audit, how, keeper.since if keeper else None)
    except typer.Exit:
        if journal:
            print(f"sohoaudit: nothing is lost: sohoaudit scan --resume {journal.path} --output …", file=sys.stderr)
        raise
    if stopped_by:
        go_on = f"; go on with: sohoaudit scan --resume {journal.path}" if journal else ""
        print(f"sohoaudit: stopped; what was finished is in the report{go_on}", file=sys.stderr)
        return TERMINATED if stopped_by is signal.SIGTERM else INTERRUPTED
    if journal:
        journal.discard()
    return code


def deliver(audit: Audit, how: Delivery, since: "Difference | None" = None) -> int:
    """Write an audit in its formats, with what changed `since` the one before, and return the exit code."""
    audit = redacted(audit) if how.is_redacted else audit
    written = _save(audit, how, since)
    if not how.is_quiet and how.output != "-":
        print(text.summary(audit, audit.language, _is_coloured()), end="")
        print(f"Report: {' and '.join(_shown(path) for path in written)}")
    return exit_code(audit, None if how.fail_on is FailOn.NEVER else Priority(how.fail_on.value))


def perform_changes(
    run: Run, expected_s: float, how: Delivery, keeper: Keeper, journal: Journal | None, *, has_report: bool
) -> int:
    """Run the audit and print what changed, nothing where nothing did.

    A report is written only where one was asked for. The exit code tells of the change alone, of a first audit as ever.
    """
    with Reporter(is_quiet=how.is_quiet, expected_s=expected_s) as watch:
        audit, stopped_by = asyncio.run(_until_stopped(run, watch))
    if has_report:
        _save(redacted(audit) if how.is_redacted else audit, how, keeper.since)
    for line in keeper.change_lines():
        print(line)
    if stopped_by:
        return TERMINATED if stopped_by is signal.SIGTERM else INTERRUPTED
    if journal:
        journal.discard()
    return keeper.change_code(None if how.fail_on is FailOn.NEVER else Priority(how.fail_on.value))


async def _until_stopped(run: Run, watch: Watch) -> tuple[Audit, signal.Signals | None]:
    loop = asyncio.get_running_loop()
    stopped_by: list[signal.Signals] = []
    ticking: list[asyncio.Task[None]] = []

    async def tick(auditor: Auditor) -> None:
        # So that a line comes while a slow device keeps everybody waiting, too.
        while True:
            await asyncio.sleep(1)
            watch(auditor.progress)

    def begin(auditor: Auditor) -> None:
        ticking.append(asyncio.create_task(tick(auditor)))

        def stop(number: signal.Signals) -> None:
            stopped_by.append(number)
            auditor.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)

    audit = await run(watch, begin)
    return audit, stopped_by[0] if stopped_by else None


def _save(audit: Audit, how: Delivery, since: "Difference | None") -> list[Path]:
    # What changed would say again what was replaced for sharing.
    told = None if how.is_redacted else since
    try:
        return report.save(audit, how.formats, audit.language, how.output, how.brand, told)
    except BrokenPipeError:
        raise
    except OSError as fault:
        where = how.output or fault.filename or "."
        print(f"sohoaudit: {where} cannot be written ({fault.strerror}): give another --output", file=sys.stderr)
        raise typer.Exit(2) from None
    except ValueError as fault:
        print(f"sohoaudit: {fault}", file=sys.stderr)
        raise typer.Exit(2) from None


def _is_coloured() -> bool:
    """Colour goes to a terminal alone, and never under NO_COLOR (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _shown(path: Path) -> str:
    return str(path) if path.is_absolute() else f"./{path}"
