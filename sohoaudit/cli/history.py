"""`sohoaudit history`: the audits of before, and what is known of devices and findings."""

import json
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .configured import Configured
from .options import ConfigOption, HistoryOption, group

if TYPE_CHECKING:
    from ..history.store import Box, History, Past

app = group("List, show, check and export the audits of before.\n\nExample: sohoaudit history list")

TextOrJson = Annotated[str, typer.Option("--format", metavar="text|json", help="How to print it.")]


def opened(place: str | None) -> "History":
    """The history that was asked for; one that is not there yet is not made by looking at it."""
    from ..history.store import History
    from ..keeping import history_place

    where = history_place(place)
    if "://" not in where and not Path(where).exists():
        raise typer.BadParameter(f"there is no history at {where}: run a scan first, or name one with --history")
    return History(where)


@app.command("list", cls=Configured)
def list_all(
    what: Annotated[str, typer.Argument(help="audits, devices or findings.")] = "audits",
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many audits.")] = 20,
    history: HistoryOption = None,
    config: ConfigOption = None,
    format: TextOrJson = "text",
) -> None:
    """List the newest audits, or every device or finding that is remembered.

    Example: sohoaudit history list findings
    """
    with opened(history) as known:
        if what == "audits":
            rows: list[Any] = known.audits(limit)
            lines = [_audit_line(row) for row in rows]
        elif what == "devices":
            rows = known.devices()
            lines = [_device_line(row) for row in rows]
        elif what == "findings":
            rows = known.findings()
            lines = [finding_line(row) for row in rows]
        else:
            raise typer.BadParameter(f"{what!r}: list audits, devices or findings")
    _print(rows, lines or [f"no {what} yet"], format)


@app.command(cls=Configured)
def show(
    which: Annotated[str, typer.Argument(help="An audit's number, a device (dev-…) or a finding (fin-…).")],
    history: HistoryOption = None,
    config: ConfigOption = None,
    format: TextOrJson = "text",
) -> None:
    """Show one audit, device or finding, and what became of it.

    Example: sohoaudit history show 12
    """
    with opened(history) as known:
        if which.isdecimal():
            from ..report import json as as_json
            from ..report import text as as_text

            audit = known.audit(int(which))
            if format == "json":
                as_json.write(audit, audit.language, sys.stdout.buffer)
            else:
                print(as_text.summary(audit, audit.language, colour=False), end="")
            return
        findings = [one for one in known.findings() if which in (one.id, one.device)]
        boxes = [one for one in known.devices() if one.id in (which, *(finding.device for finding in findings[:1]))]
    if not boxes:
        raise typer.BadParameter(f"{which}: no audit, device or finding of this name: see 'sohoaudit history list'")
    rows = [*boxes, *findings]
    lines = [*(_device_line(one) for one in boxes), *(f"  {line}" for one in findings for line in _story(one))]
    _print(rows, lines, format)


@app.command(cls=Configured)
def prune(
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Keep so many audits of each scope.")] = None,
    before: Annotated[str | None, typer.Option("--before", metavar="DATE", help="Forget the audits before.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many that are.")] = False,
    history: HistoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget old audits; what is known of devices and findings, and since when, stays.

    Example: sohoaudit history prune --keep 100
    """
    if keep is None and before is None:
        raise typer.BadParameter("say what to forget: --keep 100 or --before 2026-01-31")
    limit = datetime.combine(day_of(before, "--before"), time.min, UTC) if before else None
    with opened(history) as known:
        count = known.prune(keep=keep, before=limit, is_rehearsal=dry_run)
    print(f"{_counted(count, 'audit')} {'would be forgotten' if dry_run else 'forgotten'}")


@app.command(cls=Configured)
def export(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="NUMBER…", help="Audits; none means all.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="A file; - is standard output.")] = "-",
    history: HistoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Write audits as JSON, one a line, oldest first; each is what --format json writes.

    Example: sohoaudit history export 12 --output audit.json
    """
    from ..document import to_document

    with opened(history) as known:
        wanted = numbers or [entry.id for entry in reversed(known.audits())]
        documents = (json.dumps(to_document(known.audit(number)), ensure_ascii=False) + "\n" for number in wanted)
        if output == "-":
            sys.stdout.writelines(documents)
            return
        try:
            with Path(output).open("w", encoding="utf-8") as stream:
                stream.writelines(documents)
        except OSError as fault:
            raise typer.BadParameter(f"{output} cannot be written ({fault.strerror}): give another --output") from None


@app.command(cls=Configured)
def check(history: HistoryOption = None, config: ConfigOption = None) -> None:
    """Read every row and say what is wrong; leaves with 3 where something is.

    Example: sohoaudit history check
    """
    with opened(history) as known:
        faults = known.check()
        size = known.size()
        name, step = known.name, known.step
    counts = ", ".join(_counted(count, what.removesuffix("s")) for what, count in size.items())
    print(f"{name}: {'sound' if not faults else 'damaged'}, step {step}, {counts}")
    for fault in faults:
        print(f"sohoaudit: {name}: {fault}: restore its backup, or move it away", file=sys.stderr)
    if faults:
        raise typer.Exit(3)


def day_of(text: str, option: str) -> date:
    """The day of an option; raises BadParameter where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r}: write a day as 2026-01-31") from None


def finding_line(past: "Past") -> str:
    """One finding: id, priority, rule, since when, and what became of it."""
    state = f"fixed {past.fixed:%Y-%m-%d}" if past.fixed else f"last seen {past.last_seen:%Y-%m-%d}"
    back = f", came back {past.came_back:%Y-%m-%d}" if past.came_back else ""
    return (
        f"{past.id}  {past.priority:<7} {past.rule:<26} since {past.first_seen:%Y-%m-%d}, {state}{back}  {past.device}"
    )


def _story(past: "Past") -> list[str]:
    return [finding_line(past), f"  {past.title}"]


def _device_line(box: "Box") -> str:
    doubt = "" if box.certainty == "certain" else f" ({box.certainty}: known by model and place, not by a key)"
    site = f" of {box.site}" if box.site else ""
    name = box.name or "not recognised"
    seen = f"{box.first_seen:%Y-%m-%d} to {box.last_seen:%Y-%m-%d}"
    return f"{box.id}  {', '.join(box.addresses):<16} {name}{site}, {seen}{doubt}"


def _audit_line(entry: Any) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in entry.priorities.items() if count) or "no finding"
    parts = [_counted(entry.devices, "device"), counts]
    if entry.gaps:
        parts.append(f"{entry.gaps} not looked at")
    if not entry.is_complete:
        parts.append("stopped early")
    site = f"{entry.site}: " if entry.site else ""
    return (
        f"{entry.id:>5}  {entry.started:%Y-%m-%d %H:%M}  {site}{entry.targets} from {entry.vantage}: {', '.join(parts)}"
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _print(rows: list[Any], lines: list[str], format: str) -> None:
    if format == "text":
        print("\n".join(lines))
    elif format == "json":
        import dataclasses

        print(json.dumps([dataclasses.asdict(row) for row in rows], ensure_ascii=False, indent=2, default=str))
    else:
        raise typer.BadParameter(f"--format {format!r}: choose text or json")
