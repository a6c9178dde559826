"""Finds which addresses of the scope have somebody living there; one file a way, all running at once."""

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from ..dialer import Dialer
from ..here import Here
from ..knowledge.gaps import gap
from ..model import Gap, Observation


@dataclass(frozen=True, slots=True)
class Sighting:
    """An address that answered something, the way it was found, what it said and its MAC where they were told."""

    address: str
    way: str
    observation: Observation | None = None
    mac: str | None = None


# What these name is on the link, or was a while ago; whether it answers anything, its ports tell.
LINK_WAYS = frozenset({"arp", "neighbour", "neighbours"})
Way = Callable[[Dialer, Here], AsyncGenerator[Sighting, None]]
_ways: dict[str, Way] = {}


def way(name: str) -> Callable[[Way], Way]:
    """Registers a way of finding hosts under the name that the report prints."""

    def register(search: Way) -> Way:
        _ways[name] = search
        return search

    return register


def ways() -> dict[str, Way]:
    """Every way there is, found by its place in this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_ways.items()))


async def sightings(dialer: Dialer, here: Here) -> AsyncGenerator[Sighting | Gap, None]:
    """What every way finds, as it is found; the same address may come several times.

    A way that fails is told as a Gap, and the others go on.
    """
    found: asyncio.Queue[Sighting | Gap | None] = asyncio.Queue()

    async def follow(name: str, search: Way) -> None:
        try:
            async with aclosing(search(dialer, here)) as seen:
                async for sighting in seen:
                    found.put_nowait(sighting)
        except Exception as fault:
            found.put_nowait(gap("discover", name, "way-failed", str(fault), matters=True))
        finally:
            found.put_nowait(None)

    searches = [asyncio.create_task(follow(name, search)) for name, search in ways().items()]
    try:
        for _ in searches:
            while (item := await found.get()) is not None:
                yield item
    finally:
        for search in searches:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)
