"""The three ways to the raw helper without being root: a capability of the interpreter, sudo, and none."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .wire import HERE, open_ports, standing

pytestmark = pytest.mark.lab

HOST, OPEN = "10.78.0.40", (22, 80)
# Root's files, and none of root's rights: what runs here has the capabilities of its own file and no more.
PLAIN = ("setpriv", "--securebits", "+noroot", "--inh-caps", "-all", "--ambient-caps", "-all")
SUDO = """#!/bin/sh
[ "$1" = -n ] || exit 1
[ "$2" = -l ] && exit 0
shift 2
exec "{python}" "$@"
"""


@pytest.fixture(scope="module")
def capable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the interpreter that may open raw sockets."""
    copied = tmp_path_factory.mktemp("capable") / "python"
    shutil.copy(Path(sys.executable).resolve(), copied)
    done = subprocess.run(["setcap", "cap_net_raw+ep", str(copied)], capture_output=True, text=True, check=False)
    if done.returncode:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"this file system keeps no capabilities: {done.stderr.strip()}")
    return copied


def _environment(path: Path | None = None) -> dict[str, str]:
    places = [str(HERE), str(HERE / "tests"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    own = {"PYTHONHOME": sys.base_prefix, "PYTHONPATH": os.pathsep.join(places)}
    return os.environ | own | ({"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"} if path else {})


def _doctor(python: Path | str, path: Path | None = None) -> str:
    words = [*PLAIN, str(python), "-m", "sohoaudit", "doctor"]
    done = subprocess.run(words, env=_environment(path), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    return next(line for line in done.stdout.splitlines() if "raw packets" in line)


def test_the_doctor_names_the_capability_where_the_interpreter_has_it(capable: Path) -> None:
    assert _doctor(capable).split(maxsplit=3) == ["works", "raw", "packets:", "CAP_NET_RAW"]


def test_the_doctor_names_sudo_where_it_may_start_the_helper(capable: Path, tmp_path: Path) -> None:
    sudo = _sudo(tmp_path, capable)
    assert _doctor(sys.executable, sudo).split(maxsplit=3) == ["works", "raw", "packets:", "through sudo"]


def test_the_doctor_says_what_is_missing_where_sudo_would_ask_for_a_password(tmp_path: Path) -> None:
    (tmp_path / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    (tmp_path / "sudo").chmod(0o755)
    assert _doctor(sys.executable, tmp_path).startswith("lacks")


@pytest.mark.parametrize("way", ["capability", "sudo"])
def test_a_sweep_by_syn_works_with_that_right_alone(capable: Path, tmp_path: Path, way: str) -> None:
    python, path = (capable, None) if way == "capability" else (sys.executable, _sudo(tmp_path, capable))
    told = f'{{"hosts": ["{HOST}"], "ports": [80, 22, 2000, 2001, 2002], "way": "syn"}}'
    with standing("starting", [HOST], list(OPEN)) as wire:
        words = wire.command("asker", *PLAIN, str(python), "-m", "lab.sweeping", told)
        done = subprocess.run(words, env=_environment(path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["way"], found["unavailable"]) == ("syn", None)
    assert open_ports(found["states"]) == {(HOST, port) for port in OPEN}


def _sudo(folder: Path, python: Path) -> Path:
    """A sudo that lets this one program through: the helper gets the right, and its parent never has it."""
    (folder / "sudo").write_text(SUDO.format(python=python))
    (folder / "sudo").chmod(0o755)
    return folder
