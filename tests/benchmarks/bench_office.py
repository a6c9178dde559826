"""How long one office takes, from packet one to the HTML, beside `nmap -sT -sV` of the same ports in the same place.

Rounds are interleaved, so that a slow minute of the machine hits both. The goals: four times faster than nmap, under
100 MB, every device named that tells its name and none named wrongly. `bench_office.py 1` runs one round.
"""

# ruff: noqa: E402  # `make bench` runs this file as it is, so it must first say where the lab stands
import json
import statistics
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from lab.lab import Lab
from lab.office import EXPOSED
from lab.scanning import INSIDE, Scan, watched

from sohoaudit.audit import default_tcp_ports

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
LONGEST_S = 900  # nmap needs minutes: it waits long at every port that never speaks
GOAL_RATIO, GOAL_BYTES = 4.0, 100_000_000


def main() -> None:
    """Build the office, let both look at it in turns, print the table and take the office away."""
    lab = Lab.up("exposed", "labbench")
    try:
        with tempfile.TemporaryDirectory() as folder:
            rounds = [_round(lab, Path(folder) / str(number)) for number in range(ROUNDS)]
    finally:
        lab.down()
    ours, theirs, documents = zip(*rounds, strict=True)
    _print(ours, theirs, documents[-1])


def _round(lab: Lab, folder: Path) -> tuple[Scan, Scan, dict]:
    results = []
    ports = ",".join(str(port) for port in default_tcp_ports())
    audit = [sys.executable, "-m", "sohoaudit", "scan", *INSIDE, "--yes", "--format", "html,json", "--output"]
    nmap = ["nmap", "-n", "-sT", "-sV", "-p", ports, *INSIDE, "-oX"]
    for name, words in (("audit", audit), ("nmap.xml", nmap)):
        own = folder / name.split(".")[0]
        own.mkdir(parents=True)
        results.append(watched(lab, "desk", [*words, str(own / name)], own, longest_s=LONGEST_S))
        print(f"  {name}: {results[-1].seconds_on_wire:.1f} s", file=sys.stderr)
    written = folder / "audit" / "audit"
    if not (written / "audit.html").exists():
        sys.exit(f"bench_office: the audit wrote no page: {results[0].errors.strip()[-400:]}")
    return results[0], results[1], json.loads((written / "audit.json").read_text())


def _print(ours: Iterable[Scan], theirs: Iterable[Scan], document: dict) -> None:
    rows = [("sohoaudit scan", *_figures(ours)), ("nmap -sT -sV", *_figures(theirs))]
    ratio = rows[1][2] / rows[0][2]
    devices = [device for device in EXPOSED.devices if device.ports]
    print(f"office of {len(devices)} devices, {len(default_tcp_ports())} TCP ports, {ROUNDS} interleaved rounds")
    print(f"{'':<16}{'min s':>8}{'median s':>10}{'max s':>8}{'peak MB':>9}")
    for name, least, median, most, peak in rows:
        print(f"{name:<16}{least:>8.1f}{median:>10.1f}{most:>8.1f}{peak / 1e6:>9.1f}")
    print(
        f"ratio of medians {ratio:.1f} (goal {GOAL_RATIO:g}), peak {rows[0][4] / 1e6:.0f} MB"
        f" (goal {GOAL_BYTES / 1e6:.0f})"
    )
    for attribute in ("vendor", "model", "firmware"):
        told = [device for device in devices if getattr(device, attribute)]
        found = {device.name: _found(document, device.address, attribute) for device in devices}
        right = sum(1 for device in told if device.tells(attribute, found[device.name]))
        wrong = {name: text for name, text in found.items() if text and not EXPOSED.device(name).tells(attribute, text)}
        print(f"{attribute:<9} right {right} of {len(told)} that tell it, wrong {len(wrong)} {wrong or ''}")


def _figures(runs: Iterable[Scan]) -> tuple[float, float, float, int]:
    seconds = [run.seconds_on_wire for run in runs]
    return min(seconds), statistics.median(seconds), max(seconds), max(run.peak_bytes for run in runs)


def _found(document: dict, address: str, attribute: str) -> str | None:
    found = next((device for device in document["devices"] if address in device["addresses"]), {})
    return (found.get("identity") or {}).get(attribute)


if __name__ == "__main__":
    main()
