"""The lab by hand: `python -m tests.lab up|down|status|exec HOST -- command`."""

import argparse
import os
import sys
import time

from .building import hosts
from .lab import Lab, all_labs
from .namespaces import LabError
from .office import DESK_ADDRESS, OUTSIDE_ADDRESS, WAN_ADDRESS
from .offices import OFFICES


def main() -> None:
    """Read the words, do the one thing, and say what is there now."""
    words = _parser().parse_args()
    lab = Lab(words.lab)
    try:
        if words.do == "up":
            began = time.monotonic()
            lab = Lab.up(words.office, words.lab)
            print(f"up in {time.monotonic() - began:.1f} s", file=sys.stderr)
            _show(lab)
        elif words.do == "down":
            lab.down()
        elif words.do == "status":
            for each in all_labs():
                _show(each)
        else:
            _exec(lab, words.host, [word for word in words.command if word != "--"] or ["sh"])
    except LabError as fault:
        sys.exit(f"lab: {fault}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--lab", default="lab", help="its name, so that several can stand side by side")
    verbs = parser.add_subparsers(dest="do", required=True)
    verbs.add_parser("up", help="build an office").add_argument("--office", choices=sorted(OFFICES), default="exposed")
    verbs.add_parser("down", help="remove it")
    verbs.add_parser("status", help="what stands, and what each device is")
    run = verbs.add_parser("exec", help="run a command on a host: exec desk -- curl http://192.168.77.1/")
    run.add_argument("host")
    run.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _exec(lab: Lab, host: str, command: list[str]) -> None:
    if not lab.is_up:
        raise LabError(f"{lab.name} is not up: python -m tests.lab up")
    if host not in hosts(lab.office):
        raise LabError(f"no host {host!r}: there are {', '.join(hosts(lab.office))}")
    words = lab.command(host, *command)
    os.execvp(words[0], words)


def _show(lab: Lab) -> None:
    if not lab.is_up:
        return
    dead = [what for what, lives in lab.processes.items() if not lives]
    print(f"{lab.name}: desk {DESK_ADDRESS} inside, outside {OUTSIDE_ADDRESS}, the router's WAN address {WAN_ADDRESS}")
    for device in lab.office.devices:
        name = " ".join(filter(None, (device.vendor, device.model, device.firmware))) or "-"
        ports = " ".join(f"{port}{'/udp' if kind == 'udp' else ''}" for kind, port in sorted(device.ports))
        print(f"  {device.name:<11}{device.address:<15}{name:<45}{ports}")
    print(
        "  from outside: "
        + (" ".join(f"{port} ({name})" for (_, port), name in lab.office.outside.items()) or "nothing")
    )
    if dead:
        print(f"  not running: {', '.join(dead)}")


if __name__ == "__main__":
    main()
