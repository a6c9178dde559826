"""Reads the configuration: environment before file before default, a profile a client, and where each value is from."""

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .places import config_folder

PREFIX = "SOHOAUDIT_"
Value = str | bool | tuple[str, ...]


class ConfigError(ValueError):
    """A configuration that cannot be used: the place, what is wrong, and the remedy."""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: `kind` is text, flag or list; `help` says what it does; `choices` are all there are, if any."""

    name: str
    kind: str
    help: str
    default: Value | None = None
    is_secret: bool = False
    choices: tuple[str, ...] = ()


_PRIORITIES = ("urgent", "high", "medium", "low")
KEYS = {
    key.name: key
    for key in (
        Key("targets", "list", "what to audit, as on the command line"),
        Key("exclude", "list", "what never to touch"),
        Key("vantage", "text", "lan or internet", "lan", choices=("lan", "internet")),
        Key("authorized", "text", "who allowed public addresses"),
        Key("ports", "text", "the TCP ports, such as 80,443"),
        Key("pace", "text", "gentle, normal or lab", "normal", choices=("gentle", "normal", "lab")),
        Key("fingerprints", "text", "a folder of your own fingerprints"),
        Key("fingerprints_feed", "text", "the address of a signed pack of fingerprints"),
        Key("fingerprints_key", "text", "the Ed25519 public key that signs it, in base64"),
        Key("language", "text", "en or ja", choices=("en", "ja")),
        Key("format", "text", "what to write, such as html,json"),
        Key("output", "text", "a file or a folder"),
        Key("brand", "text", "a file that gives the report your name and logo"),
        Key("fail_on", "text", "urgent, high, medium, low or never", "urgent", choices=(*_PRIORITIES, "never")),
        Key("history", "text", "a file, or postgresql://…", is_secret=True),
        Key("notify", "list", "where notices go, as apprise URLs", is_secret=True),
        Key(
            "notify_on",
            "text",
            "change, or a priority: tell it from there on",
            "change",
            choices=("change", *_PRIORITIES),
        ),
        Key("jitter", "text", "wait up to so long before starting, such as 10m"),
        Key("log_format", "text", "text or json", "text", choices=("text", "json")),
        Key("offline", "flag", "fetch nothing from outside", False),
    )
}
# Read elsewhere, and no settings of a file.
_OTHER_VARIABLES = ("DEBUG", "CONFIG", "CLIENT", "SNMP_COMMUNITIES")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it is from: a variable, a file with its section, or the default."""

    value: Value | None
    origin: str


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting for one client, the file it was read from (None where there is none), and warnings."""

    settings: Mapping[str, Setting]
    path: Path | None
    client: str
    clients: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Value | None:
        """The value of a setting."""
        return self.settings[name].value


def load(path: str | Path | None = None, client: str | None = None) -> Config:
    """Read the file that was named (else `$SOHOAUDIT_CONFIG`, else the user's own) and the environment.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or of the wrong type, or there is no such client.
    """
    named = path or os.environ.get(f"{PREFIX}CONFIG")
    file = Path(named) if named else config_folder() / "config.toml"
    root = _read(file, is_needed=bool(named))
    client = client or os.environ.get(f"{PREFIX}CLIENT") or ""
    clients = root.pop("client", {}) if root else {}
    if not isinstance(clients, dict) or not all(isinstance(table, dict) for table in clients.values()):
        raise ConfigError(f"{file}: 'client' holds profiles: write [client.acme]")
    if client and client not in clients:
        known = f"it has {', '.join(sorted(clients))}" if clients else "it has none"
        raise ConfigError(f"{file}: there is no [client.{client}]: {known}")
    settings = {name: Setting(key.default, "default") for name, key in KEYS.items()}
    for section, table in [("", root), *((f"client.{name}", table) for name, table in clients.items())]:
        checked = {name: _checked(file, section, name, value) for name, value in table.items()}
        if section in ("", f"client.{client}"):
            origin = f"{file}" + (f" [{section}]" if section else "")
            settings |= {name: Setting(value, origin) for name, value in checked.items()}
    settings |= dict(_from_environment())
    warnings = (*_readable_secrets(file, root, clients), *_unknown_variables())
    return Config(settings, file if file.exists() else None, client, tuple(sorted(clients)), warnings)


def hidden(value: Value) -> Value:
    """A secret as it may be shown: where it goes, and nothing that opens doors."""
    if isinstance(value, tuple):
        return tuple(str(hidden(item)) for item in value)
    scheme, mark, _ = str(value).partition("://")
    return f"{scheme}://…" if mark else value


def _read(file: Path, *, is_needed: bool) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if is_needed:
            raise ConfigError(f"{file} is not there: check the path, or leave --config away") from None
        return {}
    except OSError as fault:
        raise ConfigError(f"{file} cannot be read ({fault.strerror}): check its permissions") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is no UTF-8 text: save it again as UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        place = re.search(r"\(at line (\d+), column \d+\)", str(fault))
        line = f":{place[1]}" if place else f":{len(file.read_text(encoding='utf-8').splitlines())}"
        what = re.sub(r" \(at .*\)$", "", str(fault))
        raise ConfigError(f'{file}{line}: this is not TOML ({what}): write key = "value"') from None


def _checked(file: Path, section: str, name: str, value: Any) -> Value:
    where = f"{file}{_line(file, section, name)}"
    key = KEYS.get(name)
    if key is None:
        raise ConfigError(f"{where}: {name!r} is not known{_hint(name, [*KEYS, 'client'])}")
    if key.kind == "flag" and isinstance(value, bool):
        return value
    if key.kind == "text" and isinstance(value, str):
        return _chosen(where, key, value)
    if key.kind == "list" and isinstance(value, str):
        return (value,)
    if key.kind == "list" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    wanted = {"flag": "true or false", "text": "text in quotes", "list": 'a list of texts such as ["one", "two"]'}
    raise ConfigError(f"{where}: {name!r} must be {wanted[key.kind]}: {key.help}")


def _from_environment() -> Iterator[tuple[str, Setting]]:
    for name, key in KEYS.items():
        variable = PREFIX + name.upper()
        text = os.environ.get(variable)
        if not text:
            continue
        if key.kind == "flag":
            if text.lower() not in ("1", "0", "true", "false", "yes", "no"):
                raise ConfigError(f"{variable} is {text!r}: it must be true or false")
            yield name, Setting(text.lower() in ("1", "true", "yes"), variable)
        elif key.kind == "list":
            yield name, Setting(tuple(text.split()), variable)
        else:
            yield name, Setting(_chosen(variable, key, text), variable)


def _chosen(where: str, key: Key, value: str) -> str:
    if key.choices and value not in key.choices:
        raise ConfigError(f"{where}: {key.name} is {value!r}: choose from {', '.join(key.choices)}")
    return value


def _unknown_variables() -> Iterator[str]:
    known = {name.upper() for name in KEYS} | set(_OTHER_VARIABLES)
    for variable in os.environ:
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in known and (near := _near(name, known)):
            yield f"{variable} is not known (did you mean {PREFIX}{near}?)"


def _readable_secrets(file: Path, root: Mapping[str, Any], clients: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    held = {name for table in (root, *clients.values()) for name in table if name in KEYS and KEYS[name].is_secret}
    if held and os.name == "posix" and file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield f"{file} holds {' and '.join(sorted(held))} and others can read it: chmod 600 {file}"


def _line(file: Path, section: str, name: str) -> str:
    """`:12`, the line a key stands on in its section, for messages; empty where it is not found."""
    current = ""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if heading := re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(#.*)?", line):
            current = heading[1].strip().replace('"', "")
        elif current == section and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return f":{number}"
    return ""


def _hint(name: str, known: Collection[str]) -> str:
    near = _near(name, known)
    return f" (did you mean {near!r}?)" if near else f": use {', '.join(known)}"


def _near(name: str, known: Collection[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.7)), "")
