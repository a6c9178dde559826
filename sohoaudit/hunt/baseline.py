"""Builds an office's own baseline from its ordinary logs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from .chains import Baseline, build_baseline
from .event import PROCESS, Event
from .parents import Parents
from .sources import events

_PROCESS_IDS = frozenset({1, 4688})


def build_from(paths: Iterable[Path]) -> tuple[Baseline, int]:
    """The baseline of some logs, and how many records or files could not be read.

    Raises:
        LogError: a path does not exist.
    """
    unread = [0]
    return build_baseline(_starts(paths, unread)), unread[0]


def _starts(paths: Iterable[Path], unread: list[int]) -> Iterator[Event]:
    parents = Parents()
    for path in paths:
        for log, found in events(path, _PROCESS_IDS):
            for event in found:
                if event.category == PROCESS:
                    parents.fill(event)
                    yield event
            unread[0] += log.unread
