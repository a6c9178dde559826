"""A command whose options the environment and the configuration file may give."""

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from typer.core import TyperCommand

# What means the same to every command; the rest, such as the format of a report, is for a scan alone.
_FOR_ALL = frozenset({"history", "pace", "log_format"})
# What a run that goes on with another does not take over: the scope, which the journal holds, and what is for once.
_FOR_ONCE = frozenset(
    {
        "targets",
        "exclude",
        "ports",
        "vantage",
        "authorized",
        "resume",
        "dry_run",
        "yes",
        "jitter",
        "config",
        "log_format",
    }
)


class Configured(TyperCommand):
    """Reads the configuration before its own options; an option on the command line wins."""

    takes_all = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Fill what the command line leaves open, then parse as ever.

        Raises:
            ConfigError: the configuration cannot be used.
        """
        from .. import config, logs

        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        if given.get("help") or "--help" in args or "-h" in args:
            return super().parse_args(ctx, args)
        settings = config.load(given.get("config"), given.get("client"))
        names = {parameter.name: parameter for parameter in self.get_params(ctx)}
        wanted = {name for name in names if self.takes_all or name in _FOR_ALL}
        values = {
            name: list(setting.value) if isinstance(setting.value, tuple) else setting.value
            for name, setting in settings.settings.items()
            if name in wanted and setting.origin != "default" and setting.value is not None
        }
        if settings.client and "client" in names:
            values["client"] = settings.client
        ctx.default_map = {**(ctx.default_map or {}), **values}
        logs.begin(str(given.get("log_format") or settings["log_format"]))
        for warning in settings.warnings:
            print(f"sohoaudit: {warning}", file=sys.stderr)
        if self.takes_all and given.get("resume"):
            ctx.default_map |= _remembered(given["resume"], {*given, *values})
            return super().parse_args(ctx, args)
        targets = values.get("targets")
        if isinstance(targets, list) and not given.get("targets"):
            args = [*args, *targets]
        return super().parse_args(ctx, args)


class ConfiguredScan(Configured):
    """A command that takes every setting there is, and whose options stand in the help under headings."""

    takes_all = True
    headings: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Each heading with its options; what has none comes last."""
        records = {each.name: record for each in self.get_params(ctx) if (record := each.get_help_record(ctx))}
        named = {name for names in self.headings.values() for name in names}
        rest = tuple(name for name in records if name not in named)
        for heading, names in {**self.headings, "Help": rest}.items():
            with formatter.section(heading):
                formatter.write_dl([records[name] for name in names if name in records])


def for_the_journal(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a scan as its journal keeps them; what may hold a password keeps its name alone.

    Args:
        options: what the command line and the configuration gave, by the command's names.
    """
    kept = {name: _plain(name, value) for name, value in options.items() if name not in _FOR_ONCE and value}
    secret = {name for name, value in kept.items() if name == "notify" or (name == "history" and "://" in value)}
    return kept | dict.fromkeys(secret)


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(name, each) for each in value]
    if isinstance(value, StrEnum):
        return value.value
    is_path = isinstance(value, Path) or (name in ("output", "history") and value != "-" and "://" not in value)
    return str(Path(value).absolute()) if is_path else value


def _remembered(resume: str, given: Iterable[str]) -> dict[str, Any]:
    """The options that the audit to go on with was begun with, but for those given anew.

    Raises:
        JournalError: there is no such audit, or one of its options may hold a password and must be given again.
    """
    from ..journal import JournalError, find, options_of

    path = find(resume)
    options = {name: value for name, value in options_of(path).items() if name not in given}
    for name in (name for name, value in options.items() if value is None and name.islower()):
        why = "which may hold a password and was not written down"
        raise JournalError(f"{path}: was begun with --{name}, {why}: give it again")
    return options
