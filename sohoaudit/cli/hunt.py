"""`sohoaudit hunt`: looks for Volt Typhoon in event logs and on disks, and writes the hunts for other products."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .options import group

if TYPE_CHECKING:
    from ..hunt.export import Query
    from ..hunt.run import Coverage, Hit, Request

app = group("Look for Volt Typhoon on the computers behind the router.\n\nExample: sohoaudit hunt run Security.evtx")
baseline_app = group("This office's own ordinary days, to tell the unusual from.")
app.add_typer(baseline_app, name="baseline")

_OWN_FORMATS = ("text", "json")
_PRIORITIES = ("urgent", "high", "medium", "low", "never")

PackOption = Annotated[
    str, typer.Option("--pack", metavar="volt|lotl|chains|all", help="volt: the brief's eight; several with commas.")
]
OutputOption = Annotated[str | None, typer.Option("--output", "-o", metavar="PATH", help="A file; - is stdout.")]
FormatOption = Annotated[str, typer.Option("--format", "-f", help="text, json, or a format of 'sohoaudit report'.")]
FailOnOption = Annotated[str, typer.Option("--fail-on", help="Leave with 1 where a hit is this pressing, or more.")]
LanguageOption = Annotated[str, typer.Option("--language", help="en or ja.")]
RulesOption = Annotated[list[Path] | None, typer.Option("--rules", help="Your own Sigma rules: a file or folder.")]
IocOption = Annotated[list[Path] | None, typer.Option("--ioc", help="Your own list of SHA-256, one a line.")]
AllowOption = Annotated[list[Path] | None, typer.Option("--allow", help="Sigma rules of what is known and fine.")]
BaselineOption = Annotated[Path | None, typer.Option("--baseline", help="A file of 'hunt baseline build'.")]
SinceOption = Annotated[str | None, typer.Option("--since", metavar="TIME", help="2026-11-01, or with a time; UTC.")]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="The end of the period.")]


@app.command()
def run(
    logs: Annotated[list[Path], typer.Argument(help="EVTX, JSON or CSV, plain, gzip or zip; files or folders.")],
    format: FormatOption = "text",
    output: OutputOption = None,
    pack: PackOption = "volt",
    rules: RulesOption = None,
    ioc: IocOption = None,
    allow: AllowOption = None,
    baseline: BaselineOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    fail_on: FailOnOption = "high",
    language: LanguageOption = "en",
) -> None:
    """Look for Volt Typhoon in event logs.

    Example: sohoaudit hunt run Security.evtx Sysmon.evtx --pack all --format html --output hunt.html

    Leaves with 0 where nothing is at or above --fail-on, 1 where there is, 2 for a wrong command, 3 where something
    could not be read.
    """
    _needs_extra()
    from ..hunt.chains import BaselineError
    from ..hunt.matcher import RuleError
    from ..hunt.run import Coverage, hunt
    from ..hunt.sources import LogError

    _one_of(format, (*_OWN_FORMATS, *_report_formats()), "--format")
    _one_of(fail_on, _PRIORITIES, "--fail-on")
    _one_of(language, ("en", "ja"), "--language")
    coverage, started = Coverage(), datetime.now(UTC)
    try:
        request = _request(logs, _packs(pack), (rules or [], ioc or [], allow or []), baseline, (since, until))
        if baseline:
            _note_thin_baseline(request, coverage, language)
        _note_packs(_packs(pack), coverage, language)
        hits = list(hunt(request, coverage))
    except (LogError, BaselineError, RuleError) as fault:
        _refuse(str(fault))
    _tell(hits, coverage, started, format, language, output)
    raise typer.Exit(_exit_code([hit.level.value for hit in hits], coverage.is_incomplete, fail_on))


@baseline_app.command("build")
def build_baseline(
    logs: Annotated[list[Path], typer.Argument(help="Logs of at least seven ordinary days.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("baseline.json"),
) -> None:
    """Count which program starts which in ordinary logs, for 'hunt run --baseline'.

    Example: sohoaudit hunt baseline build Sysmon.evtx --output office.json
    """
    _needs_extra()
    from ..hunt.baseline import build_from
    from ..hunt.sources import LogError

    try:
        built, unread = build_from(logs)
        built.save(output)
    except LogError as fault:
        _refuse(str(fault))
    except OSError as fault:
        _refuse(f"{output}: cannot be written: {fault.strerror}")
    typer.echo(f"{output}: {len(built.pairs):,} pairs on {built.hosts} hosts over {built.days:.1f} days", err=True)
    if not built.is_enough:
        typer.echo("sohoaudit: too little to tell the unusual from: add logs until it covers seven days", err=True)
    raise typer.Exit(3 if unread else 0)


@app.command()
def hashes(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to look through.")],
    format: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    output: OutputOption = None,
    ioc: IocOption = None,
    max_size: Annotated[int | None, typer.Option("--max-size", metavar="MB", help="Leave larger files out.")] = None,
    other_file_systems: Annotated[
        bool, typer.Option("--other-file-systems", help="Enter mounted disks and shares too.")
    ] = False,
    fail_on: FailOnOption = "high",
    language: LanguageOption = "en",
) -> None:
    """Compare files on disk with the brief's 29 SHA-256, or also with your own list.

    Example: sohoaudit hunt hashes C:\\Users C:\\ProgramData --ioc ours.txt

    Links are not followed.
    """
    _needs_extra()
    from ..hunt import hashes as hash_room
    from ..hunt.matcher import RuleError

    _one_of(format, _OWN_FORMATS, "--format")
    _one_of(fail_on, _PRIORITIES, "--fail-on")
    _one_of(language, ("en", "ja"), "--language")
    try:
        wanted = hash_room.wanted(ioc or [])
    except RuleError as fault:
        _refuse(str(fault))
    for path in paths:
        if not path.exists():
            _refuse(f"{path}: there is no such file or folder: check the name")
    limit = max_size * 1_000_000 if max_size else None
    scan = hash_room.Scan(wanted, limit, other_file_systems)
    found = list(scan.run(paths))
    _write(hash_room.json_text(found, scan) if format == "json" else hash_room.text(found, scan, language), output)
    raise typer.Exit(_exit_code(["urgent"] * len(found), bool(scan.unread), fail_on))


@app.command()
def export(
    to: Annotated[
        str, typer.Option("--to", help="xql, splunk, kusto, sentinel, eql, esql, lucene, opensearch, sigma.")
    ],
    hunt: Annotated[list[str] | None, typer.Option("--hunt", help="Only this hunt; may be given again.")] = None,
    pack: PackOption = "volt",
    wider: Annotated[bool, typer.Option("--wider", help="xql: also the same behaviour in other words.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A folder: one file a query.")] = None,
) -> None:
    """Write the hunts as queries of another product; what would come out wrong is refused with the reason.

    Example: sohoaudit hunt export --to xql
    """
    _needs_extra()
    from ..hunt import export as export_room
    from ..hunt.query import ExportError
    from ..hunt.rules import load

    target = _one_of(to, export_room.TARGETS, "--to")
    rule_set = load(_packs(pack))
    names = list(dict.fromkeys([rule.hunt for rule in rule_set.rules] + [chain.hunt for chain in rule_set.chains]))
    for name in hunt or ():
        _one_of(name, tuple(names), "--hunt")
    try:
        written, refused = export_room.export(rule_set, target, frozenset(hunt or names), wider)
    except ExportError as fault:
        _refuse(str(fault))
    if output:
        _save_queries(output, written, target)
    else:
        typer.echo("\n\n".join(query.text for query in written))
    for name, reason in refused:
        typer.echo(f"sohoaudit: {name} is not written for {target}: {reason}", err=True)
    raise typer.Exit(3 if refused else 0)


@app.command("list")
def list_hunts(
    pack: PackOption = "all",
    format: Annotated[str, typer.Option("--format", "-f", help="text or json.")] = "text",
    language: LanguageOption = "en",
) -> None:
    """List the hunts, what they look for, and how exact they are.

    Example: sohoaudit hunt list --pack volt
    """
    _needs_extra()
    from ..hunt.catalogue import as_json, as_text
    from ..hunt.rules import load

    _one_of(format, _OWN_FORMATS, "--format")
    _one_of(language, ("en", "ja"), "--language")
    rule_set = load(_packs(pack))
    typer.echo(as_json(rule_set, language) if format == "json" else as_text(rule_set, language))


def _save_queries(folder: Path, written: "list[Query]", target: str) -> None:
    from ..hunt.export import ending

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for query in written:
            (folder / f"{query.name}.{ending(target)}").write_text(query.text + "\n", encoding="utf-8")
    except OSError as fault:
        _refuse(f"{folder}: cannot be written: {fault.strerror}")
    typer.echo(f"{folder}: {len(written)} queries", err=True)


def _request(
    logs: list[Path],
    packs: tuple[str, ...],
    own: tuple[list[Path], list[Path], list[Path]],
    baseline: Path | None,
    period: tuple[str | None, str | None],
) -> "Request":
    from ..hunt.chains import Baseline
    from ..hunt.matcher import RuleError
    from ..hunt.rules import load
    from ..hunt.run import Request

    rules, ioc, allow = own
    allowed = load((), allow)
    if allowed.faults:
        raise RuleError(allowed.faults[0])
    for path in rules:
        if not path.exists():
            raise RuleError(f"{path}: there is no such file or folder: check the name")
    return Request(
        paths=tuple(logs),
        rules=load(packs, rules, ioc),
        since=_moment(period[0], "--since"),
        until=_moment(period[1], "--until"),
        allowed=allowed.rules,
        baseline=Baseline.open(baseline) if baseline else None,
        decode_all=bool(rules),
    )


def _note_packs(packs: tuple[str, ...], coverage: "Coverage", language: str) -> None:
    from ..hunt.rules import PACKS
    from ..knowledge.hunts import words

    if left := [name for name in PACKS if name not in packs]:
        coverage.notes.append(words(language)("coverage.not_asked", packs=", ".join(left)))


def _note_thin_baseline(request: "Request", coverage: "Coverage", language: str) -> None:
    from ..hunt.chains import MINIMUM_DAYS, MINIMUM_PAIRS
    from ..knowledge.hunts import words

    built = request.baseline
    if built is not None and not built.is_enough:
        numbers = {"days": f"{built.days:.1f}", "pairs": len(built.pairs)}
        needed = {"days_needed": MINIMUM_DAYS, "pairs_needed": MINIMUM_PAIRS}
        coverage.notes.append(words(language)("coverage.baseline", **numbers, **needed))


def _tell(
    hits: "list[Hit]", coverage: "Coverage", started: datetime, format: str, language: str, output: str | None
) -> None:
    from ..hunt import document
    from ..knowledge.hunts import words

    told = words(language)
    if format == "text":
        _write(document.text(hits, coverage, told), output)
    elif format == "json":
        import json

        content = {
            "hits": [document.hit_document(hit, told) for hit in hits],
            "coverage": document.coverage_document(coverage, told),
            "references": list(told.references()),
        }
        _write(json.dumps(content, ensure_ascii=False, indent=2), output)
    else:
        from .. import report
        from ..hunt.findings import audit_of

        name = "json" if format == "audit" else format
        try:
            report.save(audit_of(hits, coverage, told, language, started), [name], language, output or "-")
        except (ValueError, OSError) as fault:
            _refuse(str(fault))


def _report_formats() -> tuple[str, ...]:
    """The formats of `sohoaudit report`; its JSON is `audit` here, since `json` is the contract of this command."""
    try:
        from .. import report
    except ImportError:
        return ()
    return tuple("audit" if name == "json" else name for name in report.formats())


def _exit_code(levels: list[str], is_incomplete: bool, fail_on: str) -> int:
    if fail_on != "never" and any(_PRIORITIES.index(level) <= _PRIORITIES.index(fail_on) for level in levels):
        return 1
    return 3 if is_incomplete else 0


def _packs(text: str) -> tuple[str, ...]:
    from ..hunt.rules import PACKS

    asked = tuple(_one_of(part.strip(), (*PACKS, "all"), "--pack") for part in text.split(","))
    return PACKS if "all" in asked else tuple(dict.fromkeys(asked))


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        _refuse(f"{option} {text!r} is no time: write it like 2026-11-24 or 2026-11-24T09:30:00Z")
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _one_of(value: str, values: tuple[str, ...], option: str) -> str:
    if value not in values:
        _refuse(f"{option} {value!r} is not known: choose one of {', '.join(values)}")
    return value


def _write(content: str, output: str | None) -> None:
    if output is None or output == "-":
        # Log text may hold what a terminal's own encoding cannot show.
        sys.stdout.buffer.write((content + "\n").encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
        return
    try:
        Path(output).write_text(content + "\n", encoding="utf-8")
    except OSError as fault:
        _refuse(f"{output}: cannot be written: {fault.strerror}")


def _needs_extra() -> None:
    """Refuse in one line where the extra `hunt` is not installed."""
    from importlib.util import find_spec

    parts = (("pysigma", "sigma"), ("evtx", "evtx"), ("orjson", "orjson"))
    missing = [name for name, module in parts if not find_spec(module)]
    if missing:
        _refuse(f'hunting needs {", ".join(missing)}: pip install "sohoaudit[hunt]"')


def _refuse(message: str) -> NoReturn:
    print(f"sohoaudit: {message}", file=sys.stderr)
    raise typer.Exit(2)
