"""Network namespaces: making them, stepping inside for a moment, and reading what listens there without a visit."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp


class LabError(RuntimeError):
    """The lab cannot be built here; the text says what is missing and how to get it."""


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Move the calling thread into a namespace; a socket made meanwhile belongs there for life."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(NETNS / namespace, os.O_RDONLY)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(there)
        os.close(home)


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns failed")


def ip(lines: Iterable[str], namespace: str | None = None) -> None:
    """Run `ip` commands as one batch.

    Raises:
        LabError: one of them failed.
    """
    where = ["-n", namespace] if namespace else []
    _feed(["ip", *where, "-batch", "-"], "\n".join(lines) + "\n")


def nft(namespace: str, rules: str) -> None:
    """Load nftables rules into a namespace.

    Raises:
        LabError: they were refused.
    """
    _feed(["ip", "netns", "exec", namespace, "nft", "-f", "-"], rules)


def sysctl(namespace: str, settings: dict[str, str]) -> None:
    """Write `/proc/sys/net` of a namespace; a setting that this kernel does not have is passed over."""
    with inside(namespace):
        for name, value in settings.items():
            path = Path("/proc/sys/net") / name
            if path.exists():
                path.write_text(value)


def listening(namespace: str) -> set[tuple[str, int]]:
    """The ports that listen in a namespace, as ("tcp", 80)."""
    found: set[tuple[str, int]] = set()
    with inside(namespace):
        for table in ("tcp", "tcp6", "udp", "udp6"):
            path = Path("/proc/thread-self/net") / table
            if not path.exists():
                continue
            for line in path.read_text().splitlines()[1:]:
                _, local, remote, state, *_ = line.split()
                is_open = state == _LISTENING if table.startswith("tcp") else remote.endswith(":0000")
                if is_open:
                    found.add((table[:3], int(local.rpartition(":")[2], 16)))
    return found


def processes(namespaces: Iterable[str]) -> set[int]:
    """The pids that live in any of these namespaces; our own is never among them."""
    inodes = {stat.st_ino for name in namespaces if (stat := _stat(NETNS / name))}
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {
        pid for pid in pids if pid != os.getpid() and (stat := _stat(f"/proc/{pid}/ns/net")) and stat.st_ino in inodes
    }


def start_time(pid: int) -> str | None:
    """When a process started, in the kernel's ticks, or None where it is gone: pids are reused, this pair is not."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else rest[18]


def _stat(path: str | Path) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None


def _feed(command: list[str], text: str) -> None:
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command[:4])} failed: {done.stderr.strip().splitlines()[0] if done.stderr else '?'}")
