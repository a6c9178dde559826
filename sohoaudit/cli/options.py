"""The options that several commands share, and what they mean when they are not given."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Language(StrEnum):
    """The languages a report can be written in."""

    EN = "en"
    JA = "ja"


class FailOn(StrEnum):
    """From which priority on a finding makes the exit code 1."""

    URGENT = "urgent"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


FormatOption = Annotated[
    str | None,
    typer.Option("--format", metavar="html,json,…", help="What to write; several are separated by commas."),
]
OutputOption = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", help="A file, or a folder for several formats; - is stdout."),
]
LanguageOption = Annotated[
    Language | None, typer.Option("--language", help="The language of the report; default: this machine's.")
]
FailOnOption = Annotated[
    FailOn, typer.Option("--fail-on", help="Leave with 1 where a finding is this pressing, or more.")
]
BrandOption = Annotated[
    Path | None,
    typer.Option("--brand", metavar="FILE", help="Your mark on the report, as in reports/brand.example.yaml."),
]
RedactOption = Annotated[
    bool, typer.Option("--redact", help="Replace MACs, serials, public addresses and host names, for sharing.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]
HistoryOption = Annotated[
    str | None, typer.Option("--history", metavar="PATH", help="The history: a file, or postgresql://…")
]
NoHistoryOption = Annotated[bool, typer.Option("--no-history", help="Keep nothing of this audit.")]
ConfigOption = Annotated[str | None, typer.Option("--config", metavar="FILE", help="The configuration file.")]
ClientOption = Annotated[
    str | None, typer.Option("--client", metavar="NAME", help="A profile of the configuration: [client.NAME].")
]
NotifyOption = Annotated[
    list[str] | None, typer.Option("--notify", metavar="URL", help="Tell changes there (apprise); may be repeated.")
]
NotifyOnOption = Annotated[
    str, typer.Option("--notify-on", metavar="change|urgent|…", help="Tell every change, or from a priority on.")
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Open no connection outside the scope; notices wait for the next run.")
]
ChangesOption = Annotated[
    bool, typer.Option("--changes", help="Say only what changed since the last audit, and nothing where nothing did.")
]
JitterOption = Annotated[
    str | None, typer.Option("--jitter", metavar="10m", help="Wait a random time up to this before starting.")
]
LogFormatOption = Annotated[
    str | None, typer.Option("--log-format", metavar="text|json", help="How messages on stderr are written.")
]


def group(help: str) -> typer.Typer:
    """A command that has commands of its own, with plain help like all the others."""
    app = typer.Typer(
        help=help,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # Without a callback a group of one command would be taken for that command.
    app.callback()(_nothing)
    return app


def _nothing() -> None:
    pass


def language_of(chosen: Language | None) -> str:
    """The language asked for, else the environment's where we speak it, else English."""
    if chosen:
        return chosen.value
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.lower().startswith("ja") else "en"
    return "en"
