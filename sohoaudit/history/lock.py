"""Lets one run at a time audit a scope; knows nothing of databases, so that who keeps no history loads none."""

import contextlib
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from ..model import Scope, is_public
from ..places import make_private
from . import HistoryError


def scope_key(scope: Scope, site: str = "") -> str:
    """What is audited again and again: site, vantage and networks, as 16 hex digits."""
    # A provider gives a new address on the internet now and then: it is the same place.
    moves = {"wan" for network in scope.networks if "wan" in scope.targets and is_public(network.network_address)}
    fixed = {str(n) for n in scope.networks if not (moves and is_public(n.network_address))}
    networks = sorted(moves | fixed)
    excluded = sorted(f"-{network}" for network in scope.excluded)
    return hashlib.sha256("\0".join((site, scope.vantage, *networks, *excluded)).encode()).hexdigest()[:16]


class Busy(HistoryError):
    """Another run of the same scope holds the lock; nothing was sent."""


class Lock:
    """Only one audit of a scope at a time on this machine; a context manager. A run that is killed gives it back."""

    def __init__(self, folder: Path, scope: str, shown: str) -> None:
        """Takes the folder of the lock files, the scope's key, and the scope as people name it."""
        from filelock import FileLock

        self._folder = folder
        self._lock = FileLock(folder / f"{scope}.lock", timeout=0, mode=0o600)
        self._who = folder / f"{scope}.pid"
        self._shown = shown

    def __enter__(self) -> Self:
        """Take it, or raise Busy at once."""
        from filelock import Timeout

        try:
            make_private(self._folder)
            self._lock.acquire()
        except Timeout:
            raise Busy(f"another audit of {self._shown} is running{self._holder()}: this one leaves") from None
        except OSError as fault:
            raise HistoryError(
                f"{self._lock.lock_file} cannot be written ({fault.strerror}): check its folder, or use --no-history"
            ) from None
        # Who holds it is a courtesy to the next; on a full disk the lock holds all the same.
        with contextlib.suppress(OSError):
            began = datetime.now(UTC).isoformat(timespec="seconds")
            self._who.write_text(f"{os.getpid()} {began}\n", encoding="utf-8")
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        """Give it back."""
        with contextlib.suppress(OSError):
            self._who.unlink()
        self._lock.release()

    def _holder(self) -> str:
        try:
            process, since = self._who.read_text(encoding="utf-8").split()
            hours = (datetime.now(UTC) - datetime.fromisoformat(since)) / timedelta(hours=1)
        except (OSError, ValueError):
            return ""
        hangs = f" ({hours:.0f} hours: if it hangs, end it)" if hours > 6 else ""
        return f" as process {process} since {since}{hangs}"
