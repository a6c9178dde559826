"""`sohoaudit accept`: writes down that somebody takes a risk for a time, in a file beside the history."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from .configured import Configured
from .history import day_of, opened
from .options import ConfigOption, HistoryOption

COMMAND = Configured


def accept(
    finding: Annotated[str, typer.Argument(help="The finding's id: fin-…; none lists what is accepted.")] = "",
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="The last day it is accepted.")] = None,
    because: Annotated[str | None, typer.Option("--because", metavar="TEXT", help="Why.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who answers for it.")] = None,
    history: HistoryOption = None,
    config: ConfigOption = None,
) -> None:
    """Accept a risk until a day; it stays in the report and counts for nothing until then.

    Example: sohoaudit accept fin-7c1e90a2b3 --until 2027-01-31 --because "camera is replaced in January" --by "A. Sato"
    """
    from ..history.accepted import NAME, Accepted, add, read
    from ..keeping import beside, history_place

    place = history_place(history)
    path = beside(place) / NAME
    today = datetime.now(UTC).date()
    if not finding:
        for one in read(path):
            state = "until" if one.counts(today) else "expired"
            print(f"{one.finding}  {state} {one.until}, by {one.by}: {one.because}")
        return
    missing = [name for name, value in (("--until", until), ("--because", because), ("--by", by)) if not value]
    if not until or not because or not by:
        raise typer.BadParameter(f"{' and '.join(missing)} is missing: a risk is accepted for a time, for a reason")
    day = day_of(until, "--until")
    if day < today:
        raise typer.BadParameter(f"--until {until}: this day is over: name one to come")
    with opened(history) as known:
        past = next((one for one in known.findings() if one.id == finding), None)
    if past is None:
        raise typer.BadParameter(f"{finding}: no such finding: see 'sohoaudit history list findings'")
    add(path, Accepted(finding, day, because, by, past.title, today.isoformat()))
    print(f"{finding} is accepted until {day}: {path}")
