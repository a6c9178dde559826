"""Our side of one row of bench_sweep.py: the sweep as the audit does it, all hosts side by side; imports no more."""

import asyncio
import ipaddress
import json
import resource
import sys

from sohoaudit.dialer import Dialer
from sohoaudit.here import Here
from sohoaudit.model import Scope
from sohoaudit.sweep import State, Way, sweep
from sohoaudit.sweep.connect import Connect
from sohoaudit.sweep.pace import MANNERS, Manners, PoliteKeeper


async def main(told: dict) -> dict:
    """What was found open, as texts "address:port" or addresses, and how it was done."""
    scope = Scope((ipaddress.ip_network(told["scope"]),))
    manners = MANNERS.get(told["pace"]) or Manners("own", told["pace"], told["run"], 2, 0, 30)
    dialer = Dialer(scope, PoliteKeeper(manners))
    way: Way = Connect()
    raw = None
    if told.get("way"):
        from sohoaudit.sweep.raw_client import Raw
        from sohoaudit.sweep.syn import Syn

        raw = await Raw.start(scope, manners, Here(), dialer.shut)
        way = Syn(raw)
    ports = range(1, 65_536) if told.get("ports") == "all" else told.get("ports", [])
    if raw and told["way"] == "arp":
        found = [address async for address, _ in raw.resolve([str(each) for each in scope.addresses()])]
    elif raw and told["way"] == "survey":
        found = [str(each) async for each in Syn(raw).survey(ipaddress.IPv4Network(told["scope"]), ports, dialer)]
    else:
        found = []

        async def one(address: str) -> None:
            async for heard in sweep(address, ports, dialer, way):
                if heard.state is State.OPEN:
                    found.append(str(heard.endpoint))

        await asyncio.gather(*(one(str(each)) for each in scope.networks[0]))
    if raw:
        await raw.close()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"found": found, "way": way.name, "peak": peak}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))
