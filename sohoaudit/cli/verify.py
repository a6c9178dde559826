"""`sohoaudit verify`: asks again just what is needed, and says fixed, still there, or could not tell."""

import asyncio
import dataclasses
import json
from typing import Annotated

import typer

from .configured import Configured
from .history import opened
from .options import ConfigOption, HistoryOption

COMMAND = Configured


def verify(
    findings: Annotated[list[str] | None, typer.Argument(metavar="FINDING…", help="Their ids: fin-…")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every finding that is open.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and send nothing.")] = False,
    format: Annotated[str, typer.Option("--format", metavar="text|json", help="How to print it.")] = "text",
    pace: Annotated[str, typer.Option("--pace", metavar="gentle|normal|lab", help="How fast to ask.")] = "normal",
    history: HistoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask again whether findings are fixed, from where they were seen, on the authority of that audit.

    Example: sohoaudit verify fin-7c1e90a2b3

    Leaves with 0 where all are fixed, 1 where one is still there, 3 where one could not be told.
    """
    if not findings and not every:
        raise typer.BadParameter("name findings (see 'sohoaudit history list findings'), or give --all")
    if format not in ("text", "json"):
        raise typer.BadParameter(f"--format {format!r}: choose text or json")
    from .. import verifying
    from ..history.lock import Busy, Lock
    from ..keeping import beside, history_place
    from ..scope import check_routes
    from ..sweep.pace import MANNERS

    if pace not in MANNERS:
        raise typer.BadParameter(f"--pace {pace!r}: choose from {', '.join(MANNERS)}")
    with opened(history) as known:
        past = {one.id: one for one in known.findings()}
        for identifier in findings or ():
            if identifier not in past:
                raise typer.BadParameter(f"{identifier}: no such finding: see 'sohoaudit history list findings'")
        wanted = [past[identifier] for identifier in findings or ()] if not every else past.values()
        wanted = [one for one in wanted if findings or one.fixed is None]
        errands, told = verifying.errands(known, wanted)
        if dry_run or not wanted:
            print("\n".join(errand.described for errand in errands) or "no finding is open: nothing to ask")
            return
        from ..audit import Settings

        settings = Settings(manners=MANNERS[pace])
        locks = beside(history_place(history)) / "locks"
        for errand in errands:
            check_routes(errand.scope)
            try:
                with Lock(locks, errand.key, ", ".join(errand.scope.targets)):
                    told += asyncio.run(verifying.verify(known, errand, settings))
            except Busy as busy:
                told += verifying.not_run(errand, str(busy))
    if format == "json":
        print(json.dumps([dataclasses.asdict(one) for one in told], ensure_ascii=False, indent=2))
    else:
        for one in told:
            print(f"{one.outcome}: {one.finding} {one.title}\n  {one.evidence}")
    raise typer.Exit(verifying.exit_code(told))
