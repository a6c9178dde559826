"""Where files belong on this machine: state, configuration and cache, by the system's own rules."""

import contextlib
import os
import secrets
import sys
from pathlib import Path


def state_folder() -> Path:
    """What must be kept between runs: the history, accepted risks, locks."""
    return _folder("state", ".local/state")


def config_folder() -> Path:
    """What a person writes: `config.toml`."""
    return _folder("config", ".config")


def cache_folder() -> Path:
    """What can be fetched again: feeds."""
    return _folder("cache", ".cache")


def secret(name: str, size_bytes: int = 16) -> bytes:
    """A secret of this machine, made on the first call and kept at 0600; one for this call alone where it cannot be."""
    path = state_folder() / name
    with contextlib.suppress(OSError):
        make_private(path.parent)
        with contextlib.suppress(FileExistsError):
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(size_bytes))
            give_to_caller(path)
        kept = path.read_bytes()
        if len(kept) == size_bytes:
            return kept
    return secrets.token_bytes(size_bytes)


def make_private(path: Path) -> None:
    """Make a folder that only its owner reads; under sudo it belongs to who called, as all that lies in it should."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in missing:
        give_to_caller(folder)


def give_to_caller(path: Path) -> None:
    """Under sudo, hand a file that was just made to the person who called."""
    if _caller() and hasattr(os, "chown"):
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))


def _folder(kind: str, below_home: str) -> Path:
    import platformdirs

    home = _caller()
    if home and sys.platform == "linux" and not os.environ.get(f"XDG_{kind.upper()}_HOME"):
        return home / below_home / "sohoaudit"
    folders = platformdirs.PlatformDirs("sohoaudit", appauthor=False)
    return Path(getattr(folders, f"user_{kind}_path"))


def _caller() -> Path | None:
    """The home of the person who called sudo, None where nobody did."""
    name = os.environ.get("SUDO_USER")
    if sys.platform == "win32" or not name or os.geteuid() != 0 or not os.environ.get("SUDO_UID", "").isdecimal():
        return None
    import pwd

    try:
        return Path(pwd.getpwnam(name).pw_dir)
    except KeyError:
        return None
