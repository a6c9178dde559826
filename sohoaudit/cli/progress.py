"""Says on stderr how an audit goes: one live line on a terminal, a plain line every few seconds without one."""

import sys
import time
from types import TracebackType
from typing import Self

from ..audit import Progress

PLAIN_EVERY_S = 5.0
ESTIMATE_AFTER_S = 3.0


class Reporter:
    """Hears the progress of an audit and shows it; a context manager that leaves the terminal as it was."""

    def __init__(self, *, is_quiet: bool, expected_s: float) -> None:
        """Takes whether to say anything at all, and the plan's estimate of the whole."""
        self._is_quiet = is_quiet
        self._expected_s = expected_s
        self._started = self._last = time.monotonic()
        self._live = None
        if not is_quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.status import Status

            self._live = Status("looking for devices", console=Console(stderr=True, highlight=False))

    def __enter__(self) -> Self:
        """Start the live line, where there is one."""
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """End the live line."""
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show where the audit is."""
        if self._live:
            self._live.update(self._line(progress))
        elif not self._is_quiet and time.monotonic() - self._last >= PLAIN_EVERY_S:
            self._last = time.monotonic()
            print(self._line(progress), file=sys.stderr, flush=True)

    def _line(self, progress: Progress) -> str:
        waiting = progress.found - progress.finished
        words = [f"{progress.finished} of {progress.found} devices"]
        if progress.is_discovering:
            words.append(f"still looking at {progress.addresses} addresses")
        if waiting:
            slowest = f" ({next(iter(progress.busy))})" if len(progress.busy) == 1 else ""
            words.append(f"{waiting} still answering{slowest}")
        left_s = progress.left_s
        if left_s is None:
            left_s = self._expected_s - (time.monotonic() - self._started)
        if left_s > ESTIMATE_AFTER_S:
            words.append(f"about {left_s / 60:.0f} min" if left_s > 90 else f"about {left_s:.0f} s")
        return ", ".join(words)
