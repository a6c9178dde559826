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


def group(help: str) -> typer.Typer:
    """A command that has commands of its own, with plain help like all the others."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def language_of(chosen: Language | None) -> str:
    """The language asked for, else the environment's where we speak it, else English."""
    if chosen:
        return chosen.value
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.lower().startswith("ja") else "en"
    return "en"
