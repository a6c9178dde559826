"""The steps of CONTRIBUTING.md, followed to the letter."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_a_device_is_added_by_the_steps_of_the_guide(tmp_path):
    section = GUIDE.split("## Add a device")[1].split("\n## ")[0]
    steps = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    command = tmp_path / "bin" / "sohoaudit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sohoaudit "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    shell = shutil.which("sh")
    done = subprocess.run([shell, "-e"], input=steps, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    identity = json.loads(done.stdout.splitlines()[-1])["identity"]
    assert (identity["vendor"], identity["model"], identity["firmware"]) == ("Examplia", "RX-2000", "1.4.2")


@pytest.mark.parametrize(
    "place", sorted(set(re.findall(r"`((?:sohoaudit|fingerprints|reports|tests)/[\w/.-]+)`", GUIDE)))
)
def test_a_place_that_the_guide_names_exists(place):
    assert (ROOT / place).exists()
