"""`sohoaudit schedule`: writes the units that run the audit every night or every week."""

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import group

app = group("Write the units that run the audit every night.\n\nExample: sohoaudit schedule print --systemd")


@app.command("print")
def print_units(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="-- SCAN-ARGUMENTS…", help="What to give to scan, after --.")
    ] = None,
    systemd: Annotated[bool, typer.Option("--systemd", help="A service and a timer.")] = False,
    cron: Annotated[bool, typer.Option("--cron", help="A line for crontab -e.")] = False,
    launchd: Annotated[bool, typer.Option("--launchd", help="A property list for macOS.")] = False,
    at: Annotated[str, typer.Option("--at", metavar="02:00", help="The time of day.")] = "02:00",
    weekday: Annotated[str | None, typer.Option("--weekday", help="Only on this day: monday, …")] = None,
    jitter: Annotated[str, typer.Option("--jitter", metavar="10m", help="Spread the start over this time.")] = "10m",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write the files there.")] = None,
) -> None:
    """Print units that are ready to install; nothing on this machine is changed.

    Example: sohoaudit schedule print --systemd --at 02:30 -- 192.168.1.0/24 --client acme
    """
    from .. import schedule as units

    if systemd + cron + launchd != 1:
        raise typer.BadParameter("say which: --systemd, --cron or --launchd")
    if weekday and weekday.lower() not in units.DAYS:
        raise typer.BadParameter(f"--weekday {weekday!r}: choose from {', '.join(units.DAYS)}")
    plan = units.Schedule(
        command=_command(),
        arguments=tuple(arguments or ()),
        at=units.moment(at),
        weekday=weekday.lower() if weekday else None,
        jitter_s=units.duration_s(jitter),
        user=(os.environ.get("SUDO_USER") or os.environ.get("USER")) if systemd else None,
        name=_name(arguments or []),
    )
    where = f"{output}/" if output else ""
    if systemd:
        files = units.systemd(plan)
        install = f"sudo cp {where}{plan.name}.* /etc/systemd/system/ && sudo systemctl enable --now {plan.name}.timer"
    elif cron:
        files, install = {f"{plan.name}.cron": units.cron(plan)}, "crontab -e, and add the line"
    else:
        files = {f"org.{plan.name}.plist": units.launchd(plan)}
        install = (
            f"cp {where}org.{plan.name}.plist ~/Library/LaunchAgents/ && launchctl load ~/Library/LaunchAgents/*.plist"
        )
    for name, text in files.items():
        if output:
            output.mkdir(parents=True, exist_ok=True)
            (output / name).write_text(text, encoding="utf-8")
        else:
            print(f"# {name}\n{text}" if systemd else text, end="\n" if systemd else "")
    print(f"Install: {install}", file=sys.stderr)


def _command() -> tuple[str, ...]:
    """This very program by its whole path, since timers know no PATH of ours."""
    program = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name == "sohoaudit" else None
    return (str(Path(program).absolute()),) if program else (sys.executable, "-m", "sohoaudit")


def _name(arguments: list[str]) -> str:
    """`sohoaudit`, or with the client's name, so that several can be installed."""
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        client = after if word == "--client" else word.removeprefix("--client=") if "--client=" in word else ""
        if client:
            return "sohoaudit-" + "".join(c if c.isalnum() else "-" for c in client)
    return "sohoaudit"
