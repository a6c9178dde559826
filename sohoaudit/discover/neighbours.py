"""Finds hosts in this machine's own neighbour table (ARP and ND): whom it has talked to lately; sends nothing."""

import asyncio
from collections.abc import AsyncGenerator

from ..dialer import Dialer
from ..here import Here
from . import Sighting, way


@way("neighbours")
async def search(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting, None]:
    """Yield each address of the scope that the table holds."""
    for neighbour in await asyncio.to_thread(here.neighbours, dialer.scope):
        if dialer.scope.holds(neighbour.address):
            yield Sighting(neighbour.address, "neighbours")
