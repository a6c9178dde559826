"""Four audits of a lab office over a month, as cron runs them, printed: `python -m tests.lab.month [HISTORY]`.

Real daemons in network namespaces and the `sohoaudit` command itself. A box gets another address, the router newer
firmware, a mapping is added and removed again. What is not real is the time between two audits: the history's own
dates are moved a week into the past after each.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, select

from sohoaudit.history import tables
from sohoaudit.history.store import History

from .lab import Lab
from .office import LAN
from .scanning import environment

OFFICE = "month"
MOVED_TO = "192.168.77.130"
_WEEK = timedelta(weeks=1)
_MAPPINGS = ("upnpc", "-u", "http://192.168.77.1:5000/rootDesc.xml")


def weeks(lab: Lab) -> Iterator[str]:
    """What happened before each audit; it has happened once its sentence is there."""
    yield "the office as it is"
    fine = lab.office.device("fine")
    _do(lab, "fine", "ip", "addr", "del", f"{fine.address}/24", "dev", "eth0")
    _do(lab, "fine", "ip", "addr", "add", f"{MOVED_TO}/24", "dev", "eth0")
    yield f"the FRITZ!Box got the address {MOVED_TO} from the router"
    (told,) = lab.folder.glob("gw/**/currentsetting.htm")
    told.write_text(told.read_text().replace("V1.0.4.30_1.1.67", "V1.0.11.216_10.2.122"))
    _do(lab, "nas", *_MAPPINGS, "-a", lab.office.device("nas").address, "5000", "5000", "TCP")
    yield "the router got newer firmware, and the NAS opened a door on it by UPnP"
    _do(lab, "nas", *_MAPPINGS, "-d", "5000", "TCP")
    yield "that door was closed again"


def month(lab: Lab, folder: Path, place: str) -> Iterator[str]:
    """Live the month and tell it in parts: what happened, the command, what it printed, its exit code."""
    cron = ("scan", LAN, "--yes", "--quiet", "--changes", "--pace", "lab")
    for number, what in enumerate(weeks(lab)):
        if number:
            _a_week_passes(place)
            _do(lab, "desk", "ip", "neigh", "flush", "dev", "eth0")
        yield f"week {number + 1}: {what}\n{_run(lab, folder, place, *cron)}"
    report = folder / "report.html"
    yield _run(lab, folder, place, "history", "list")
    yield _run(lab, folder, place, "diff", "1", "4")
    yield _run(lab, folder, place, "diff", "1", "4", "--language", "ja")
    yield _run(lab, folder, place, "history", "list", "findings")
    yield _run(lab, folder, place, "verify", "--all", "--pace", "lab")
    with History(place) as history:
        taken = next(one for one in history.findings() if one.fixed is None)
    words = ("--until", "2027-06-30", "--because", "replaced in spring", "--by", "A. Sato")
    yield _run(lab, folder, place, "accept", taken.id, *words)
    yield _run(lab, folder, place, *cron, "--format", "html", "--output", str(report))
    # This machine's table of neighbours still names it: that is no look at it.
    _do(lab, "fine", "ip", "link", "set", "eth0", "down")
    yield f"the FRITZ!Box is unplugged\n{_run(lab, folder, place, *cron)}"
    yield _run(lab, folder, place, "diff")
    yield _run(lab, folder, place, "history", "check")


def _run(lab: Lab, folder: Path, place: str, *words: str) -> str:
    done = subprocess.run(
        lab.command("desk", sys.executable, "-m", "sohoaudit", *words), text=True, timeout=300, cwd=folder,
        env=environment(folder) | {"SOHOAUDIT_HISTORY": place}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return f"$ sohoaudit {shlex.join(words)}\n{done.stdout or '(nothing)' + os.linesep}(exit {done.returncode})"


def _do(lab: Lab, host: str, *words: str) -> None:
    done = lab.run(host, *words)
    assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"


def _a_week_passes(place: str) -> None:
    """Every date that the history holds becomes a week older."""
    with History(place) as history, history.opened.writing() as db:
        for table in tables.metadata.sorted_tables:
            dates = [column.name for column in table.c if isinstance(column.type, tables.Moment)]
            for row in db.execute(select(table)).mappings().all():
                values = {name: row[name] - _WEEK for name in dates if row[name]}
                if "head" in row:
                    values["head"] = _older(row["head"])
                if values:
                    db.execute(_one(table, row).values(values))


def _one(table: Table, row: object) -> object:
    keys = (column == row[column.name] for column in table.primary_key)  # type: ignore[index]
    return table.update().where(*keys)


def _older(head: bytes) -> bytes:
    content = json.loads(zlib.decompress(head))
    for name in ("started", "ended"):
        content[name] = (datetime.fromisoformat(content[name]) - _WEEK).isoformat()
    return zlib.compress(json.dumps(content).encode())


def main() -> None:
    """Print the month."""
    folder = Path(tempfile.mkdtemp(prefix="sohoaudit-month-"))
    place = sys.argv[1] if len(sys.argv) > 1 else str(folder / "history.db")
    lab = Lab.up(OFFICE, f"month{os.getpid()}", owner=os.getpid())
    try:
        for part in month(lab, folder, place):
            print(f"{part}\n", flush=True)
    finally:
        lab.down()


if __name__ == "__main__":
    main()
