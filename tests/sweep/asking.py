"""Run inside a namespace by `test_raw.py`: sweeps by the raw helper as told in JSON, and prints what came of it."""

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import sys
import time
from pathlib import Path

from sohoaudit.dialer import Dialer
from sohoaudit.here import Here
from sohoaudit.model import Scope
from sohoaudit.sweep import Fell, Way, sweep
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import MANNERS, PoliteKeeper
from sohoaudit.sweep.raw_client import Raw, RawUnavailable
from sohoaudit.sweep.syn import Syn


async def main(told: dict) -> dict:
    """Start the helper, sweep, and tell states by port, the way that was used, and what the helper may."""
    scope = Scope(tuple(map(ipaddress.ip_network, told["scope"].split())))
    manners = MANNERS[told.get("pace", "normal")]
    dialer = Dialer(scope, PoliteKeeper(manners))
    try:
        raw = await Raw.start(scope, manners, Here(), dialer.shut)
    except RawUnavailable as why:
        return {"unavailable": str(why)} | await _swept(told, dialer, Connect(), None)
    found: dict = {"pid": raw._process.pid, "status": Path(f"/proc/{raw._process.pid}/status").read_text()}
    if told.get("hang") or told.get("announce"):
        print(json.dumps(found), flush=True)
    if told.get("hang"):
        await asyncio.sleep(60)
    if told.get("resolve"):
        began = time.monotonic()
        found["macs"] = [met async for met in raw.resolve([str(each) for each in scope.addresses()])]
        found["seconds"] = time.monotonic() - began
    if told.get("astray"):
        for address, port in (("10.99.0.2", 80), (told["host"], 9100)):
            await raw.ask([int(ipaddress.IPv4Address(address))], [port], 0, 0)
        await asyncio.sleep(0.5)
    way = Syn(raw)
    found |= await _swept(told, dialer, way, raw)
    await raw.close()
    return found | {"way": way.name, "fault": way.fault}


async def _swept(told: dict, dialer: Dialer, way: Way, raw: Raw | None) -> dict:
    states: dict[int, str] = {}
    ports = range(1, 65_536) if told.get("ports") == "all" else told.get("ports", [])
    with contextlib.suppress(Fell):
        async for heard in sweep(told["host"], ports, dialer, way):
            states |= dict.fromkeys(heard.numbers, heard.state.value)
            if raw and len(states) >= told.get("kill_after", 65_536):
                os.kill(raw._process.pid, signal.SIGKILL)
    return {"states": states}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
