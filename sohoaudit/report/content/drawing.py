"""Where each box and line of the map stands: internet, router, devices, and every way in."""

import unicodedata
from dataclasses import dataclass, field

from ...model import Endpoint, Exposure
from .digest import Place, router, ways_in

WIDTH = 800
ROW = 48
MOST_ROWS = 12
_TOP = 12
_INTERNET = (4, 104)
_ROUTER = (356, 160)
_DEVICE = (586, 210)


@dataclass(frozen=True, slots=True)
class Box:
    """A node: x, y, width, height in drawing units, and the device it stands for."""

    x: int
    y: int
    width: int
    height: int
    place: Place | None = None

    @property
    def middle(self) -> int:
        """The y of its middle."""
        return self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Way:
    """One way in: its line from x to x at y, a second stretch behind the router, and what it is."""

    y: int
    start: int
    end: int
    exposure: Exposure
    behind: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole map; `others` counts the devices without a way in, `hidden` the ways that did not fit."""

    height: int
    internet: Box
    router: Box | None
    devices: tuple[Box, ...] = ()
    ways: tuple[Way, ...] = ()
    others: int = 0
    others_box: Box | None = None
    hidden: int = 0
    width: int = field(default=WIDTH)


def draw(all_places: list[Place]) -> Drawing:
    """Lay the map out; at most twelve ways are drawn, the table below the map has all."""
    gate = router(all_places)
    # One line a door, by the surest evidence, which comes first; the table has them all.
    doors: dict[tuple[int, Endpoint], tuple[Place, Exposure]] = {}
    for place, exposure in ways_in(all_places):
        doors.setdefault((place.number, exposure.endpoint), (place, exposure))
    all_ways = list(doors.values())
    all_ways.sort(key=lambda way: way[0] is not gate)
    shown = all_ways[:MOST_ROWS]
    ways: list[Way] = []
    boxes: list[Box] = []
    for place, exposure in shown:
        y = _TOP + len(ways) * ROW + ROW // 2
        ways.append(_way(y, exposure, is_gate=place is gate, has_gate=gate is not None))
        if place is gate:
            continue
        if boxes and boxes[-1].place is place:
            last = boxes.pop()
            boxes.append(Box(last.x, last.y, last.width, last.height + ROW, place))
        else:
            boxes.append(Box(_DEVICE[0], y - ROW // 2 + 4, _DEVICE[1], ROW - 8, place))
    reached = {place.number for place, _ in all_ways}
    others = sum(1 for place in all_places if place.number not in reached and place is not gate)
    rows = max(len(ways), 1)
    others_box = None
    if others:
        is_alone = not ways and gate is None
        others_box = Box(_DEVICE[0], _TOP + (0 if is_alone else rows) * ROW + 4, _DEVICE[1], ROW - 8)
        rows += not is_alone
    height = rows * ROW
    internet = Box(_INTERNET[0], _TOP + 4, _INTERNET[1], max(len(ways), 1) * ROW - 8)
    middle = Box(_ROUTER[0], _TOP + 4, _ROUTER[1], height - 8, gate) if gate else None
    return Drawing(
        height=height + 2 * _TOP,
        internet=internet,
        router=middle,
        devices=tuple(boxes),
        ways=tuple(ways),
        others=others,
        others_box=others_box,
        hidden=len(all_ways) - len(shown),
    )


def fit(text: str, columns: int) -> str:
    """A text cut to so many columns, wide (Japanese) characters counted twice."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return text[: max(index - 1, 0)].rstrip() + "…"
    return text


def _way(y: int, exposure: Exposure, is_gate: bool, has_gate: bool) -> Way:
    start = _INTERNET[0] + _INTERNET[1]
    if not has_gate:
        return Way(y, start, _DEVICE[0], exposure)
    behind = None if is_gate else (_ROUTER[0] + _ROUTER[1], _DEVICE[0])
    return Way(y, start, _ROUTER[0], exposure, behind)
