"""`sohoaudit hunt`: looks for Volt Typhoon in event logs and on disks, and writes the hunts for other products."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ..hunt.rules import RuleSet
    from ..hunt.run import Coverage, Hit, Request

app = typer.Typer(help="Look for Volt Typhoon on the computers behind the router.", no_args_is_help=True)
baseline_app = typer.Typer(help="This office's own ordinary days, to tell the unusual from.", no_args_is_help=True)
app.add_typer(baseline_app, name="baseline")

_FORMATS = ("text", "json", "audit", "html", "markdown", "sarif", "csv")

Pack = Annotated[
    str, typer.Option("--pack", help="volt (the brief's eight), lotl, chains, or all; several with commas.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file to write instead of stdout.")]


@app.command()
def run(
    logs: Annotated[list[Path], typer.Argument(help="EVTX, JSON or CSV, plain, gzip or zip; files or folders.")],
    format: Annotated[
        str, typer.Option("--format", "-f", help="text, json, audit, html, markdown, sarif or csv.")
    ] = "text",
    output: Output = None,
    pack: Pack = "volt",
    rules: Annotated[list[Path] | None, typer.Option("--rules", help="Your own Sigma rules: a file or folder.")] = None,
    ioc: Annotated[list[Path] | None, typer.Option("--ioc", help="Your own list of SHA-256, one a line.")] = None,
    allow: Annotated[list[Path] | None, typer.Option("--allow", help="Sigma rules of what is known and fine.")] = None,
    baseline: Annotated[Path | None, typer.Option("--baseline", help="From 'hunt baseline build'.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only events from here on (2026-11-01, or with a time; UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only events up to here.")] = None,
    fail_on: Annotated[str, typer.Option("--fail-on", help="urgent, high, medium, low or never.")] = "high",
    language: Annotated[str, typer.Option("--language", help="en or ja.")] = "en",
) -> None:
    """Look for Volt Typhoon in event logs.

    Example: sohoaudit hunt run C:\\Windows\\System32\\winevt\\Logs --pack all

    Exit code: 0 nothing at or above --fail-on, 1 hits, 2 wrong command, 3 something could not be read.
    """
    _needs_extra()
    from ..hunt import rules as rule_room
    from ..hunt.chains import BaselineError
    from ..hunt.run import Coverage, hunt
    from ..hunt.sources import LogError

    _known(format, _FORMATS, "--format")
    _known(fail_on, ("urgent", "high", "medium", "low", "never"), "--fail-on")
    _known(language, ("en", "ja"), "--language")
    coverage = Coverage()
    try:
        request = _request(logs, _packs(pack), rules or [], ioc or [], allow or [], baseline, since, until)
        hits = list(hunt(request, coverage))
    except (LogError, BaselineError, rule_room.RuleError) as fault:
        _refuse(str(fault))
    _write(_rendered(hits, coverage, request.rules, format, language), output)
    raise typer.Exit(_exit_code(hits, coverage, fail_on))


def _rendered(hits: "list[Hit]", coverage: "Coverage", rules: "RuleSet", format: str, language: str) -> str:
    from ..hunt import document

    if format == "text":
        return document.text(hits, coverage)
    if format == "json":
        import json

        found = {"hits": [document.hit_document(hit) for hit in hits], "coverage": document.coverage_document(coverage)}
        return json.dumps(found, ensure_ascii=False, indent=2)
    raise NotImplementedError(format)


def _exit_code(hits: "list[Hit]", coverage: "Coverage", fail_on: str) -> int:
    from ..model import Priority

    if fail_on != "never" and any(hit.level.rank <= Priority(fail_on).rank for hit in hits):
        return 1
    return 3 if coverage.is_incomplete else 0


def _request(
    logs: list[Path], packs: tuple[str, ...], rules: list[Path], ioc: list[Path], allow: list[Path],
    baseline: Path | None, since: str | None, until: str | None,
) -> "Request":  # fmt: skip
    from ..hunt import rules as rule_room
    from ..hunt.chains import Baseline
    from ..hunt.run import Request

    return Request(
        paths=tuple(logs),
        rules=rule_room.load(packs, rules),
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
        allowed=rule_room.load((), allow).rules,
        baseline=Baseline.open(baseline) if baseline else None,
        decode_all=bool(rules),
    )


def _packs(text: str) -> tuple[str, ...]:
    from ..hunt.rules import PACKS

    asked = tuple(part.strip() for part in text.split(","))
    for part in asked:
        _known(part, (*PACKS, "all"), "--pack")
    return PACKS if "all" in asked else asked


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        _refuse(f"{option} {text!r} is no time: write it like 2026-11-24 or 2026-11-24T09:30:00Z")
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def _known(value: str, values: tuple[str, ...], option: str) -> None:
    if value not in values:
        _refuse(f"{option} {value!r} is not known: choose one of {', '.join(values)}")


def _write(content: str, output: Path | None) -> None:
    if output is None or str(output) == "-":
        typer.echo(content)
        return
    try:
        output.write_text(content + "\n", encoding="utf-8")
    except OSError as fault:
        _refuse(f"{output}: cannot be written: {fault.strerror}")


def _needs_extra() -> None:
    """Refuse in one line where the extra `hunt` is not installed."""
    from importlib.util import find_spec

    missing = [
        name for name, module in (("pysigma", "sigma"), ("evtx", "evtx"), ("orjson", "orjson")) if not find_spec(module)
    ]
    if missing:
        _refuse(f'hunting needs {", ".join(missing)}: pip install "sohoaudit[hunt]"')


def _refuse(message: str) -> NoReturn:
    print(f"sohoaudit: {message}", file=sys.stderr)
    raise typer.Exit(2)
