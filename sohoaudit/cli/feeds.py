"""`sohoaudit feeds`: fetches what changes outside, and says how old it is."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .configured import Configured
from .options import ConfigOption, OfflineOption, group

if TYPE_CHECKING:
    from ..feeds import Feed

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
    known = _known(config)
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is no feed: choose from {', '.join(known)}")
    visits = feeds.update([known[name] for name in names or known])
    for visit in visits:
        print(f"{visit.name:<13}{visit.outcome:<10} {visit.detail}")
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
    from ..knowledge import fetched, known_from

    known = _known(config)
    states = {name: fetched.state(name) for name in known}
    if format == "json":
        print(json.dumps(states, indent=2))
        return
    if format != "text":
        raise typer.BadParameter(f"--format {format!r}: choose text or json")
    in_use = known_from()
    for name, feed in known.items():
        state = states[name]
        fetched_one = f"{state.get('version')}; asked {_age(str(state.get('checked')))}" if state else "never fetched"
        print(f"{name:<13}{in_use.get(name, 'none in use'):<22}{fetched_one:<44}{feed.title}")
    print(f"All else came with sohoaudit {in_use['sohoaudit']}.")


@app.command()
def pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Your own fingerprints: one YAML file a maker.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEY.pem", help="The Ed25519 key that signs it.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")],
    version: Annotated[str | None, typer.Option("--version", help="A day or a number; default: today.")] = None,
) -> None:
    """Make a signed pack of your own fingerprints, for fingerprints_feed of other machines; nothing is sent.

    Example: sohoaudit feeds pack my-devices --key key.pem --output pack.json.gz

    Put the pack and its .sig on a web server (https). A key is made with: openssl genpkey -algorithm ed25519
    """
    from .. import feeds
    from .identify import faults_told

    today = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        with faults_told():
            raw, signature, public = feeds.made_pack(folder, version or today, key.read_bytes())
        output.write_bytes(raw)
        Path(f"{output}.sig").write_bytes(signature)
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}: check the path") from None
    except feeds.FeedError as fault:
        raise typer.BadParameter(str(fault)) from None
    print(f"{output} and {output}.sig are written. On the machines that use them:")
    print(f'fingerprints_feed = "https://…/{output.name}"\nfingerprints_key = "{public}"')


def _known(path: str | None) -> "dict[str, Feed]":
    """The feeds there are, with the pack of fingerprints where the configuration names one."""
    from .. import config, feeds

    settings = config.load(path)
    url, key = settings["fingerprints_feed"], settings["fingerprints_key"]
    if not url:
        return dict(feeds.FEEDS)
    if not str(url).startswith("https://") or not key:
        raise typer.BadParameter("fingerprints_feed must begin with https://, and fingerprints_key must name its key")
    return {**feeds.FEEDS, "fingerprints": feeds.fingerprint_pack(str(url), str(key))}


def _age(moment: str) -> str:
    try:
        days = (datetime.now(UTC) - datetime.fromisoformat(moment)).days
    except (TypeError, ValueError):
        return "never"
    return "today" if days < 1 else f"{days} days ago"
