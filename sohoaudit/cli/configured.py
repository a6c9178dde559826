"""A command whose options the environment and the configuration file may give."""

import sys
from typing import Any

from typer.core import TyperCommand

# What means the same to every command; the rest, such as the format of a report, is for a scan alone.
_FOR_ALL = frozenset({"history", "pace", "log_format"})


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
        targets = values.get("targets")
        if isinstance(targets, list) and not given.get("targets"):
            args = [*args, *targets]
        return super().parse_args(ctx, args)


class ConfiguredScan(Configured):
    """A command that takes every setting there is."""

    takes_all = True
