"""A lab that stands: started and removed from any user's account, and the way into its hosts.

As root its namespaces have names that `ip netns` knows. Without root all of it lives inside one `unshare -Urnm`,
held open by a keeper process, and every command goes through `nsenter`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .building import note, noted, remove
from .daemons import apt_line, missing
from .namespaces import LabError, start_time
from .offices import OFFICES
from .parts import Office

_TESTS = Path(__file__).resolve().parents[1]
_KEEP = "mount -t tmpfs run /run && mkdir /run/netns && ip link set lo up && echo ready && exec sleep infinity"
_UP_WITHIN_S = 60


class Lab:
    """An office that is up, or the remains of one."""

    def __init__(self, name: str) -> None:
        """The lab of that name, whether it is up or not."""
        self.name, self.folder = name, _home() / name
        self._state = {key: value for thing in noted(self.folder) for key, value in thing.items()}

    @classmethod
    def up(cls, office: str = "exposed", name: str = "lab", owner: int | None = None) -> "Lab":
        """Build an office; one of the same name is removed first. With `owner` it belongs to that process.

        Raises:
            LabError: a program or a permission is missing, or something did not come up; nothing is left behind.
        """
        if absent := missing():
            raise LabError(f"missing here: {', '.join(absent)}. Get them with: {apt_line(absent)}")
        cls(name).down()
        folder = _home() / name
        folder.mkdir(mode=0o700)
        note(folder, lab=name, office=office, owner=owner, owner_start=start_time(owner) if owner else None)
        try:
            if os.geteuid() != 0:
                _start_keeper(folder)
            lab = cls(name)
            lab._inside("build", name, office, str(folder))
        except BaseException:
            cls(name).down()
            raise
        return lab

    def down(self) -> None:
        """Remove everything, from the state file alone; nothing to remove is no error."""
        if not self.folder.exists():
            return
        if os.geteuid() == 0:
            remove(self.folder)
        elif self._keeper:
            self._inside("remove", str(self.folder))
            _end(self._state["keeper"])
        for thing in noted(self.folder):  # a keeper that died first leaves processes, not namespaces
            if "pid" in thing and start_time(thing["pid"]) == thing["start"]:
                _end(thing["pid"])
        shutil.rmtree(self.folder)

    @property
    def office(self) -> Office:
        """The truth about it."""
        return OFFICES[self._state["office"]]

    @property
    def is_up(self) -> bool:
        """Whether it was built; a lab whose building failed is removed at once."""
        return "office" in self._state

    @property
    def processes(self) -> dict[str, bool]:
        """Each daemon of it and whether it lives."""
        things = [thing for thing in noted(self.folder) if "process" in thing]
        return {thing["process"]: start_time(thing["pid"]) == thing["start"] for thing in things}

    def command(self, host: str, *words: str) -> list[str]:
        """The words that run a command on one of its hosts."""
        return [*self._enter, "ip", "netns", "exec", f"{self.name}-{host}", *words]

    def run(self, host: str, *words: str, timeout_s: float = 60, **more: object) -> subprocess.CompletedProcess[str]:
        """Run a command on a host and return what it said."""
        return subprocess.run(self.command(host, *words), text=True, capture_output=True, timeout=timeout_s, **more)  # type: ignore[call-overload, no-any-return]

    def events(self, device: str | None = None) -> list[dict]:
        """What the responders saw, in order: see `responders.py`."""
        lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["device"] == (device or event["device"])]

    @property
    def _keeper(self) -> int | None:
        pid = self._state.get("keeper")
        return pid if pid and start_time(pid) == self._state["keeper_start"] else None

    @property
    def _enter(self) -> list[str]:
        return (
            ["nsenter", "-t", str(self._keeper), "-U", "-m", "-n", "--preserve-credentials", "--"]
            if self._keeper
            else []
        )

    def _inside(self, *words: str) -> None:
        command = [*self._enter, sys.executable, "-m", f"{__package__.rpartition('.')[2]}._inside", *words]
        path = os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        done = subprocess.run(
            command, text=True, capture_output=True, timeout=_UP_WITHIN_S, env=os.environ | {"PYTHONPATH": path}
        )
        if done.returncode != 0:
            raise LabError((done.stderr.strip() or "no word why").splitlines()[-1])


def all_labs() -> list[Lab]:
    """Every lab of this user that left a state file."""
    return [Lab(folder.name) for folder in sorted(_home().iterdir()) if folder.is_dir()]


def remove_orphans() -> None:
    """Remove the labs whose owner is gone: what a killed test run left."""
    for lab in all_labs():
        owner = lab._state.get("owner")
        if owner and start_time(owner) != lab._state.get("owner_start"):
            lab.down()


def _home() -> Path:
    home = Path(tempfile.gettempdir()) / f"sohoaudit-lab-{os.geteuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.geteuid():
        raise LabError(f"{home} belongs to somebody else: remove it")
    return home


def _start_keeper(folder: Path) -> None:
    keeper = subprocess.Popen(
        ["unshare", "-Urnm", "sh", "-c", _KEEP],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    note(folder, keeper=keeper.pid, keeper_start=start_time(keeper.pid))
    if keeper.stdout is None or keeper.stdout.readline().strip() != "ready":
        raise LabError("no user namespaces here: run as root, or allow them (kernel.unprivileged_userns_clone=1)")


def _end(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGTERM)
        time.sleep(0.1)
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
