"""`sohoaudit config`: shows the configuration and where each value is from, and tries the notices."""

import json
from typing import Annotated

import typer

from .options import ClientOption, ConfigOption, group

app = group("Show the configuration, and where each value is from.\n\nExample: sohoaudit config show")


@app.command()
def show(
    config: ConfigOption = None,
    client: ClientOption = None,
    format: Annotated[str, typer.Option("--format", metavar="text|json", help="How to print it.")] = "text",
) -> None:
    """Show every setting and where it is from; secrets are hidden.

    Example: sohoaudit config show --client acme
    """
    from .. import config as configuration

    known = configuration.load(config, client)
    rows = []
    for name, setting in known.settings.items():
        value = setting.value
        if value and configuration.KEYS[name].is_secret:
            value = configuration.hidden(value)
        rows.append((name, value, setting.origin))
    if format == "json":
        print(json.dumps([{"key": n, "value": v, "origin": o} for n, v, o in rows], ensure_ascii=False, indent=2))
    else:
        for name, value, origin in rows:
            shown = "-" if value is None else " ".join(value) if isinstance(value, tuple) else str(value).lower()
            shown = str(value) if isinstance(value, str) else shown
            print(f"{name:<14}{shown:<36}{origin}")
        print(f"{'clients':<14}{', '.join(known.clients) or '-'}")
    for warning in known.warnings:
        typer.echo(f"sohoaudit: {warning}", err=True)


@app.command("test-notices")
def test_notices(config: ConfigOption = None, client: ClientOption = None) -> None:
    """Send a word to every channel of the configuration, and say which took it.

    Example: sohoaudit config test-notices --client acme
    """
    from .. import config as configuration
    from .. import notices

    urls = configuration.load(config, client)["notify"]
    if not isinstance(urls, tuple) or not urls:
        raise typer.BadParameter("no channel is configured: set notify, or SOHOAUDIT_NOTIFY")
    notices.check(urls)
    is_whole = True
    for url in urls:
        is_sent = notices.send(url, "sohoaudit: a test", "This is how a change will be told.")
        is_whole = is_whole and is_sent
        print(
            f"{notices.hidden(url)} {'took it' if is_sent else 'did not take it: check address, password and network'}"
        )
    if not is_whole:
        raise typer.Exit(3)
