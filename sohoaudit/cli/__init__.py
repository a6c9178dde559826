"""The command line: one file a command, imported only when it is called, and one meaning an exit code."""

import importlib
import keyword
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

OUR_FAULT, INTERRUPTED, TERMINATED, PIPE_CLOSED = 70, 130, 143, 141

# Heading, command and the line of help that `sohoaudit --help` prints without importing any of them.
COMMANDS: dict[str, dict[str, str]] = {
    "Look": {
        "demo": "Audit a made-up office on this machine; nothing leaves it.",
        "scan": "Audit your own network, or the addresses you name.",
        "import": "Judge what other programs and indexes saw: nmap, masscan, zgrab2, Shodan, Censys.",
        "merge": "Make one audit of several, such as from inside and from outside.",
        "doctor": "Say what works on this machine, and how to get what does not.",
    },
    "Report": {
        "report": "Write the report of a saved audit again, in another format or language.",
        "explain": "Say what a rule means and what to do about it.",
        "schema": "Print the JSON Schema of a document.",
    },
    "Over time": {
        "diff": "Say what changed between two audits.",
        "verify": "Ask again whether findings are fixed.",
        "accept": "Accept a risk until a day, with a reason and a name.",
        "history": "List, show, check and export the audits of before.",
        "schedule": "Write the units that run the audit every night.",
    },
    "Know": {
        "identify": "Name devices from what they said, without a network.",
        "lookup": "Say what is known of a device: support, firmware, flaws.",
        "fingerprints": "List, check and write fingerprints.",
        "feeds": "Fetch what changes outside, and say how old it is.",
        "hunt": "Look for Volt Typhoon in the event logs of the computers.",
    },
    "Set up": {
        "config": "Show the configuration, and where each value is from.",
    },
}
_NAMES = {name: line for commands in COMMANDS.values() for name, line in commands.items()}


class Commands(TyperGroup):
    """Commands that are imported when they are called, so that `--help` answers in a blink."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name, in the order of the headings."""
        return list(_NAMES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None where there is none of this name."""
        if cmd_name not in _NAMES:
            return None
        word = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        room = importlib.import_module(f"{__name__}.{word}")
        if hasattr(room, "app"):
            return typer.main.get_command(room.app)
        alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        alone.command(cmd_name, cls=getattr(room, "COMMAND", None))(getattr(room, word))
        return typer.main.get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands under their headings."""
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command named, or an error that suggests the nearest one."""
        self.commands = dict.fromkeys(_NAMES)  # type: ignore[assignment]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"sohoaudit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show where a fault of sohoaudit itself happened."),
) -> None:
    """Audit one small office: what the internet can reach, what is out of date, and what to do about it.

    Example: sohoaudit demo

    Audit only networks that are yours, or that you were asked to audit. No passwords are tried, nothing is changed.
    """
    if debug:
        os.environ["SOHOAUDIT_DEBUG"] = "1"


def main() -> NoReturn:
    """Run the command line and leave with the exit code of the contract; never 1 for a fault of ours."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app(standalone_mode=False, prog_name="sohoaudit")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted (`| head`); Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as fault:
        code = _told(fault)
    sys.exit(code if isinstance(code, int) else 0)


def _told(fault: Exception) -> int:
    """Print a fault in one line; what the user can mend is 2, what only we can is 70."""
    if isinstance(fault, typer.Abort):
        return INTERRUPTED
    if hasattr(fault, "format_message"):
        # A wrong option, value or command.
        context = getattr(fault, "ctx", None)
        path = context.command_path if context else "sohoaudit"
        message = fault.format_message().rstrip(".?")
        is_help = message.startswith("Usage:")
        print(
            message if is_help else f"sohoaudit: {message[:1].lower()}{message[1:]}: see {path} --help", file=sys.stderr
        )
        return 2
    if isinstance(fault, ValueError) and type(fault).__module__.startswith("sohoaudit."):
        for line in str(fault).splitlines():
            print(f"sohoaudit: {line}", file=sys.stderr)
        return 2
    if os.environ.get("SOHOAUDIT_DEBUG"):
        raise fault
    print(f"sohoaudit: a fault of its own: {type(fault).__name__}: {fault}: add --debug and report it", file=sys.stderr)
    return OUR_FAULT


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)
