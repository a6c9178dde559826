"""kill -9 at random moments while audits are written: nothing finished is lost, nothing half written is shown."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from sohoaudit.history.store import History

KILLS = 200

# The parent loads everything once; each child opens the history and writes until it is killed, and says each number
# only after the audit was kept.
WRITER = """
import os, sys, time
sys.path.insert(0, {here!r})
from tests.history.offices import audit, camera, router
from sohoaudit.history.store import History

def write(place, said, start):
    with History(place) as history:
        day = start
        while True:
            day += 1
            kept = history.record(audit(router(firmware=f"1.{{day}}"), camera(is_mapped=day % 2 == 0), day=day))
            os.write(said, f"{{kept.id}} ".encode())

for line in sys.stdin:
    start, = line.split()
    said, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(said)
        write({place!r}, tell, int(start))
    os.close(tell)
    print(child, flush=True)
    os.waitpid(child, 0)
    print(os.read(said, 1 << 20).decode(), flush=True)
    os.close(said)
"""


def test_two_hundred_kills_lose_nothing_finished_and_show_nothing_half_written(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    History(place).opened.close()
    code = WRITER.format(here=str(Path.cwd()), place=str(place))
    finished = 0
    luck = random.Random(9)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as mill:
        assert mill.stdin is not None
        assert mill.stdout is not None
        for number in range(KILLS):
            print(finished, file=mill.stdin, flush=True)
            child = int(mill.stdout.readline())
            time.sleep(luck.uniform(0.01, 0.15))
            os.kill(child, signal.SIGKILL)
            told = [int(word) for word in mill.stdout.readline().split()]
            with History(place) as history:
                shown = [entry.id for entry in history.audits()]
                lost = set(told) - set(shown)
                assert not lost, f"kill {number}: {lost} were finished and are gone"
                # One may have been kept and killed before it could say so.
                assert len(shown) - finished - len(told) in (0, 1)
                finished = len(shown)
                if number % 20 == 0 and shown:
                    assert len(history.audit(shown[0]).devices) == 2
                    assert history.check() == []
        mill.stdin.close()
    with History(place) as history:
        assert history.check() == []
        assert all(entry.devices == 2 for entry in history.audits())
    assert finished > 0, "no audit was ever finished between two kills"
