"""`sohoaudit feeds`: fetches what changes outside, and says how old it is."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from .configured import Configured
from .options import ConfigOption, OfflineOption, group

app = group("Fetch what changes outside, and say how old it is.\n\nExample: sohoaudit feeds update")


@app.command(cls=Configured)
def update(
    names: Annotated[list[str] | None, typer.Argument(metavar="FEED…", help="Which; none means all.")] = None,
    offline: OfflineOption = False,
    config: ConfigOption = None,
) -> None:
    """Fetch what is new: one conditional request a feed where nothing is; leaves with 3 where one failed.

    Example: sohoaudit feeds update kev
    """
    from .. import feeds

    if offline:
        raise typer.BadParameter("--offline fetches nothing: leave it away, or use what was shipped")
    unknown = [name for name in names or () if name not in feeds.FEEDS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is no feed: choose from {', '.join(feeds.FEEDS)}")
    visits = feeds.update([feeds.FEEDS[name] for name in names or feeds.FEEDS])
    for visit in visits:
        print(f"{visit.name:<10} {visit.outcome:<10} {visit.detail}")
    if any(visit.outcome == "failed" for visit in visits):
        raise typer.Exit(3)


@app.command(cls=Configured)
def status(
    format: Annotated[str, typer.Option("--format", metavar="text|json", help="How to print it.")] = "text",
    config: ConfigOption = None,
) -> None:
    """Say what was fetched, of what day it is, and when it was asked for last; nothing is sent.

    Example: sohoaudit feeds status
    """
    from .. import feeds
    from ..knowledge import fetched, known_from

    states = {name: fetched.state(name) for name in feeds.FEEDS}
    if format == "json":
        print(json.dumps(states, indent=2))
        return
    if format != "text":
        raise typer.BadParameter(f"--format {format!r}: choose text or json")
    for name, feed in feeds.FEEDS.items():
        state = states[name]
        if state:
            told = f"{state.get('version')}; asked {_age(str(state.get('checked')))}"
        else:
            told = "not fetched: what was shipped is used"
        print(f"{name:<10} {told:<52} {feed.title}")
    print("in use     " + ", ".join(f"{name} {text}" for name, text in known_from().items()))


def _age(moment: str) -> str:
    try:
        days = (datetime.now(UTC) - datetime.fromisoformat(moment)).days
    except (TypeError, ValueError):
        return "never"
    return "today" if days < 1 else f"{days} days ago"
