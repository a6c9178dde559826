"""Run inside a namespace by the lab's tests: sweeps several hosts at once, as told in JSON, and prints what came of it.

Told are `hosts`, `ports`, `way` (connect or syn), `pace`, and with `kill_after` the number of answers after which the
helper is killed. Printed are the states, the way that was used, and the link's rate: its least,
and the most after that.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import sys
import time

from sohoaudit.dialer import Dialer
from sohoaudit.here import Here
from sohoaudit.model import Scope
from sohoaudit.sweep import Fell, Way, sweep
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import MANNERS, PoliteKeeper
from sohoaudit.sweep.raw_client import Raw, RawUnavailable
from sohoaudit.sweep.syn import Syn

NETWORK = "10.78.0.0/24"


async def main(told: dict) -> dict:
    """The whole sweep."""
    scope = Scope((ipaddress.ip_network(NETWORK),))
    manners = MANNERS[told.get("pace", "normal")]
    keeper = PoliteKeeper(manners)
    dialer = Dialer(scope, keeper)
    way: Way = Connect()
    raw, unavailable = None, None
    if told["way"] == "syn":
        try:
            raw = await Raw.start(scope, manners, Here(), dialer.shut)
            way = Syn(raw)
        except RawUnavailable as why:
            unavailable = str(why)
    rates = [keeper.link.packets_a_second]
    states: dict[str, dict[int, str]] = {}
    fell: list[str] = []

    async def one(host: str) -> None:
        try:
            async for heard in sweep(host, told["ports"], dialer, way):
                states.setdefault(host, {}).update(dict.fromkeys(heard.numbers, heard.state.value))
                rates.append(keeper.link.packets_a_second)
                if raw and sum(map(len, states.values())) >= told.get("kill_after", 1 << 30):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(raw._process.pid, signal.SIGKILL)
        except Fell:
            fell.append(host)

    began = time.monotonic()
    await asyncio.gather(*(one(host) for host in told["hosts"]))
    seconds = time.monotonic() - began
    least = len(rates) - 1 - rates[::-1].index(min(rates))
    found = {"states": states, "fell": fell, "seconds": seconds, "least": rates[least], "after": max(rates[least:])}
    found |= {"way": way.name, "fault": getattr(way, "fault", None), "unavailable": unavailable}
    if raw:
        await raw.close()
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
