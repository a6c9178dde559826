"""Keeps what an audit has finished, a line a device, so that it goes on after Ctrl-C, `kill -9` or a power cut."""

import contextlib
import fcntl
import ipaddress
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from . import __version__
from .joining import Face
from .model import Endpoint, Gap, Observation, Scope, Transport, Vantage

LAST = "last"
ENDING = "journal"
# A journal holds what devices said: one that nobody went on with is not kept longer than this.
KEPT_S = 30 * 86_400

Json = dict[str, Any]


class JournalError(ValueError):
    """A journal that an audit cannot go on with: one line, which names it, the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the audit was asked for. `key` is that of its keyed hashes; `output` is an absolute path, `-` or None.

    `more` are the scopes beside the first, `hairpin` this network's own addresses on the internet, and `gaps` what was
    missing before anything was sent. `options` are the words of the command that began it, by their names; what may
    hold a password has its name there and no value.
    """

    scope: Scope
    started: datetime
    tcp_ports: tuple[int, ...]
    udp_ports: tuple[int, ...]
    key: bytes = field(repr=False)
    output: str | None = None
    more: tuple[Scope, ...] = ()
    hairpin: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    options: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """One host that was looked at to the end: what it showed, whether it answered anything, and what is missing."""

    face: Face
    has_answered: bool
    gaps: tuple[Gap, ...] = ()


class Journal:
    """One audit's file: the head in its first line, then one line a finished host, each on the disk before the next."""

    def __init__(self, path: Path, handle: int, head: Head, finished: Iterable[Finished] = ()) -> None:
        """Takes a file that is open for appending and locked; use `create` or `reopen`."""
        self.path = path
        self.head = head
        self.finished = tuple(finished)
        self._handle = handle
        self._turn = threading.Lock()

    @classmethod
    def create(cls, head: Head, folder: Path | None = None) -> Self:
        """Begin a journal in `folder` (default: this user's state folder).

        Raises:
            OSError: the folder cannot be written.
        """
        folder = folder or default_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_old(folder)
        path = folder / f"{head.started:%Y-%m-%dT%H-%M-%S}-{os.getpid()}.{ENDING}"
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal = cls(path, handle, head)
        journal._append(_head_document(head))
        _sync_folder(folder)
        return journal

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Read a journal and go on with it; a last line that a power cut tore is dropped.

        Raises:
            JournalError: it cannot be read, is no journal, is of another version, or another run is writing it.
        """
        try:
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as fault:
            raise JournalError(f"{path}: cannot be read ({fault.strerror}): start the audit anew") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raw = path.read_bytes()
            whole = raw[: raw.rfind(b"\n") + 1]
            os.ftruncate(handle, len(whole))
            head, *finished = _read(path, whole)
            return cls(path, handle, _read_head(path, head), [_read_finished(path, entry) for entry in finished])
        except BlockingIOError:
            os.close(handle)
            raise JournalError(f"{path}: another run is going on with it: wait for its end") from None
        except BaseException:
            os.close(handle)
            raise

    def write(self, finished: Finished) -> None:
        """Append one host and return when it is on the disk; any thread may call, and after `close` it does nothing.

        Raises:
            OSError: the disk is full or gone.
        """
        self._append(_finished_document(finished))

    def rest_of(self, scope: Scope) -> Scope:
        """The scope without the hosts that are finished: nothing is sent to those again."""
        done = [
            ipaddress.ip_network(one.face.address.split("%")[0])
            for one in self.finished
            if one.face.vantage is scope.vantage
        ]
        four = ipaddress.collapse_addresses(network for network in done if network.version == 4)
        six = ipaddress.collapse_addresses(network for network in done if network.version == 6)
        return replace(scope, excluded=(*scope.excluded, *four, *six))

    def close(self) -> None:
        """Give the file up as it stands."""
        with self._turn:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def discard(self) -> None:
        """Remove the file: the audit ended and its report is written."""
        self.path.unlink(missing_ok=True)
        self.close()

    def _append(self, document: Json) -> None:
        line = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._turn:
            if self._handle < 0:
                return
            start = os.fstat(self._handle).st_size
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._handle, line[written:])
            except OSError:
                # Half a line in the middle would spoil those behind it.
                os.ftruncate(self._handle, start)
                raise
            os.fsync(self._handle)


def default_folder() -> Path:
    """Where this user's journals lie."""
    import platformdirs

    return platformdirs.user_state_path("sohoaudit") / "journals"


def find(text: str, folder: Path | None = None) -> Path:
    """The journal that `--resume` names: its own path, the `--output` of the run that was cut off, or `last`.

    Raises:
        JournalError: nothing unfinished goes by that name.
    """
    newest_first = sorted((folder or default_folder()).glob(f"*.{ENDING}"), reverse=True)
    if text == LAST and newest_first:
        return newest_first[0]
    path = Path(text)
    if path.is_file() and path.suffix == f".{ENDING}":
        return path
    for journal in newest_first:
        if _first_line_of(journal).get("output") == str(path.absolute()):
            return journal
    known = f"; unfinished: {', '.join(str(journal) for journal in newest_first[:3])}" if newest_first else ""
    raise JournalError(f"--resume {text}: no unfinished audit goes by that name: start it anew{known}")


def options_of(path: Path) -> Json:
    """The options an unfinished audit was begun with; none where its journal cannot be used (`reopen` says why)."""
    head = _first_line_of(path)
    options = head.get("options")
    return options if isinstance(options, dict) and head.get("sohoaudit") == __version__ else {}


def refuse_another(
    head: Head, path: Path, *, scope: Scope | None, tcp_ports: tuple[int, ...] | None, is_hairpin: bool = False
) -> None:
    """Check that a run asks for what the journal was begun for; None is what the run did not name.

    Raises:
        JournalError: it asks for something else.
    """
    if scope is not None:
        for name in ("networks", "excluded", "vantage", "authority"):
            if getattr(scope, name) != getattr(head.scope, name):
                was = ", ".join(head.scope.targets)
                raise JournalError(f"{path}: was begun for another scope ({was}): leave the targets out, or start anew")
    if tcp_ports is not None and tcp_ports != head.tcp_ports:
        raise JournalError(f"{path}: was begun for other ports: leave --ports out, or start anew")
    if is_hairpin and not head.options.get("hairpin"):
        raise JournalError(f"{path}: was begun without --hairpin: leave it out, or start anew")


def _forget_old(folder: Path) -> None:
    for path in folder.glob(f"*.{ENDING}"):
        if time.time() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first_line_of(path: Path) -> Json:
    try:
        with path.open("rb") as stream:
            head = json.loads(stream.readline())
    except (OSError, ValueError):
        return {}
    return head if isinstance(head, dict) else {}


def _read(path: Path, raw: bytes) -> list[Json]:
    entries = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            raise JournalError(f"{path}:{number}: this is no line of a journal: start the audit anew")
        entries.append(entry)
    if not entries:
        raise JournalError(f"{path}: is empty: start the audit anew")
    return entries


def _head_document(head: Head) -> Json:
    return {
        "sohoaudit": __version__,
        **_scope_document(head.scope),
        "started": head.started.isoformat(),
        "tcp_ports": head.tcp_ports,
        "udp_ports": head.udp_ports,
        "key": head.key.hex(),
        "output": head.output,
        "more": [_scope_document(scope) for scope in head.more],
        "hairpin": head.hairpin,
        "gaps": [astuple(gap) for gap in head.gaps],
        "options": head.options,
    }


def _scope_document(scope: Scope) -> Json:
    return {
        "networks": [str(network) for network in scope.networks],
        "excluded": [str(network) for network in scope.excluded],
        "vantage": scope.vantage.value,
        "authority": scope.authority,
        "targets": scope.targets,
    }


def _read_scope(entry: Json) -> Scope:
    return Scope(
        tuple(ipaddress.ip_network(text) for text in entry["networks"]),
        tuple(ipaddress.ip_network(text) for text in entry["excluded"]),
        Vantage(entry["vantage"]),
        entry["authority"],
        tuple(entry["targets"]),
    )


def _read_head(path: Path, entry: Json) -> Head:
    version = entry.get("sohoaudit")
    if not isinstance(version, str):
        raise JournalError(f"{path}: is no journal of sohoaudit: give the one that was named when the audit stopped")
    if version != __version__:
        raise JournalError(f"{path}: was begun by sohoaudit {version}, this is {__version__}: start the audit anew")
    with _told(path):
        return Head(
            _read_scope(entry),
            datetime.fromisoformat(entry["started"]),
            tuple(entry["tcp_ports"]),
            tuple(entry["udp_ports"]),
            bytes.fromhex(entry["key"]),
            entry["output"],
            tuple(_read_scope(each) for each in entry["more"]),
            tuple(entry["hairpin"]),
            tuple(Gap(*each) for each in entry["gaps"]),
            dict(entry["options"]),
        )


def _finished_document(finished: Finished) -> Json:
    face = finished.face
    return {
        "address": face.address,
        "vantage": face.vantage.value,
        "answered": finished.has_answered,
        "mac": face.mac,
        "hairpin": face.is_hairpin,
        "open": [_endpoint(endpoint) for endpoint in face.open],
        "observations": [
            [*_endpoint(o.endpoint), o.probe, o.vantage.value, o.time.isoformat(), dict(o.fields)]
            for o in face.observations
        ],
        "gaps": [list(astuple(gap)) for gap in finished.gaps],
    }


def _read_finished(path: Path, entry: Json) -> Finished:
    with _told(path):
        face = Face(
            entry["address"],
            Vantage(entry["vantage"]),
            [_read_endpoint(*each) for each in entry["open"]],
            [_read_observation(*each) for each in entry["observations"]],
            entry["mac"],
            is_hairpin=entry["hairpin"],
        )
        ipaddress.ip_address(face.address.split("%")[0])
        return Finished(face, entry["answered"], tuple(Gap(*each) for each in entry["gaps"]))


def _endpoint(endpoint: Endpoint) -> list[str | int]:
    return [endpoint.address, endpoint.port, endpoint.transport.value]


def _read_endpoint(address: str, port: int, transport: str) -> Endpoint:
    return Endpoint(address, port, Transport(transport))


def _read_observation(
    address: str, port: int, transport: str, probe: str, vantage: str, time: str, fields: Mapping[str, str]
) -> Observation:
    endpoint = _read_endpoint(address, port, transport)
    return Observation(endpoint, MappingProxyType(dict(fields)), probe, Vantage(vantage), datetime.fromisoformat(time))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever a damaged line makes Python say, in one line for a person."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise JournalError(f"{path}: a line of it is damaged ({fault}): start the audit anew") from None
