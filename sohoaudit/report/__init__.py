"""Writes an audit in the formats people ask for; each format is one file here, found by its place."""

import importlib
import os
import pkgutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from ..model import Audit
from .content.brand import Brand

if TYPE_CHECKING:
    from ..history.change import Difference

Writer = Callable[[Audit, str, BinaryIO], None]
# The formats that a person looks at; their `write` takes a brand, and what changed, as well.
PAGES = ("html", "pdf")


class Format(Protocol):
    """What a file of this folder offers: the ending of its files, and the writing."""

    ENDING: str

    def write(self, audit: Audit, language: str, stream: BinaryIO, **more: Any) -> None:
        """Write the whole audit."""


def formats() -> tuple[str, ...]:
    """The names of the formats there are, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg))


def write(audit: Audit, format: str, language: str, stream: BinaryIO, brand: Brand | None = None) -> None:
    """Write an audit in one format; findings told in another language are told anew.

    Raises:
        ValueError: there is no such format or language, or this machine lacks what the format needs.
    """
    _writer(format, brand, None)(told_in(audit, language), language, stream)


def save(
    audit: Audit,
    formats: Iterable[str],
    language: str,
    output: Path | str | None,
    brand: Brand | None = None,
    since: "Difference | None" = None,
) -> list[Path]:
    """Write an audit to files and tell which.

    One format and a file name writes that file, `-` means standard output; several formats write `audit.html`,
    `audit.json`, … into the folder. Without an output the files stand in the current folder and carry the date.
    Each file is written beside its place and renamed, so that a full disk leaves the old one whole; mode 0600.
    What people look at (HTML, PDF) carries the brand, and what changed `since` the audit before.

    Raises:
        ValueError: there is no such format or language, or the output does not suit the number of formats.
        OSError: the file cannot be written.
    """
    wanted = list(dict.fromkeys(formats))
    writers = {name: _writer(name, brand, since) for name in wanted}
    audit = told_in(audit, language)
    if str(output) == "-":
        if len(wanted) != 1:
            raise ValueError("standard output takes one format: name one, or give --output a folder")
        writers[wanted[0]](audit, language, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return []
    paths = _paths(audit, {name: _module(name).ENDING for name in wanted}, output)
    for name, path in paths.items():
        _write_beside(path, audit, language, writers[name])
    return list(paths.values())


def told_in(audit: Audit, language: str) -> Audit:
    """The audit with its findings in another language; raises ValueError where there is none."""
    from .content.words import words

    words(language)
    if audit.language == language:
        return audit
    from ..knowledge import guidance

    devices = tuple(
        replace(device, findings=tuple(guidance.reword(finding, language) for finding in device.findings))
        for device in audit.devices
    )
    return replace(audit, devices=devices, language=language)


def _paths(audit: Audit, endings: dict[str, str], output: Path | str | None) -> dict[str, Path]:
    if output is None:
        stem = "sohoaudit-demo" if audit.is_demo else f"sohoaudit-{audit.started:%Y-%m-%d}"
        return {name: Path(f"{stem}.{ending}") for name, ending in endings.items()}
    place = Path(output)
    if len(endings) == 1 and not place.is_dir():
        return dict.fromkeys(endings, place)
    if place.exists() and not place.is_dir():
        raise ValueError(f"{place} is a file: name a folder for several formats")
    place.mkdir(parents=True, exist_ok=True)
    return {name: place / f"audit.{ending}" for name, ending in endings.items()}


def _write_beside(path: Path, audit: Audit, language: str, write: Writer) -> None:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # /dev/null, a pipe: nothing to rename over
        with path.open("wb") as stream:
            write(audit, language, stream)
        return
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(audit, language, stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _writer(name: str, brand: Brand | None, since: "Difference | None") -> Writer:
    module = _module(name)
    return partial(module.write, brand=brand, since=since) if name in PAGES else module.write


def _module(name: str) -> Format:
    if name not in formats():
        raise ValueError(f"there is no format {name!r}: choose from {', '.join(formats())}")
    return cast(Format, importlib.import_module(f"{__name__}.{name}"))
