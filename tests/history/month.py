"""Four audits of the demo's office over a simulated month, as cron sees them: `python -m tests.history.month`.

The camera gets a new address (DHCP), the NAS new firmware, the printer a port mapping that is removed again. Real
sockets on loopback, one history; only the dates are made up.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sohoaudit import demo, verifying
from sohoaudit.audit import Auditor, Settings
from sohoaudit.cli.history import finding_line
from sohoaudit.demo import office as table
from sohoaudit.demo import upnp
from sohoaudit.demo.web import Web
from sohoaudit.here import Nowhere
from sohoaudit.history.change import compare
from sohoaudit.history.store import History
from sohoaudit.keeping import Keeper
from sohoaudit.model import Audit, Priority
from sohoaudit.report.content import telling
from sohoaudit.report.content.words import words
from sohoaudit.sweep.pace import LAB

FIRST = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
Rows = tuple[table.DemoDevice, ...]


def weeks() -> list[tuple[str, Rows]]:
    """What the office is in each of four weeks."""
    plain = tuple(device for device in table.DEVICES if device.name != "half broken")
    moved = _changed(plain, "camera", lambda camera: _forwarded_to(camera, "192.168.50.77"))
    moved = _changed(moved, "router", lambda router: _with_mappings(router, _camera_at("192.168.50.77")))
    updated = _changed(moved, "nas", _updated)
    mapped = _changed(
        updated, "router", lambda router: _with_mappings(router, _camera_at("192.168.50.77"), _PRINTER_FORWARD)
    )
    return [
        ("the office as it is", plain),
        ("the camera got a new address from the router (DHCP)", moved),
        ("the NAS got new firmware, a mapping to the printer was added", mapped),
        ("the mapping to the printer was removed", updated),
    ]


_PRINTER_FORWARD = upnp.Mapping(9_100, "192.168.50.30", 9_100, "TCP", "print at home")


def _camera_at(address: str) -> upnp.Mapping:
    return upnp.Mapping(8_081, address, 80, "TCP", "DCS-2530L HTTP")


def _changed(rows: Rows, name: str, change: Callable[[table.DemoDevice], table.DemoDevice]) -> Rows:
    return tuple(change(row) if row.name == name else row for row in rows)


def _forwarded_to(camera: table.DemoDevice, address: str) -> table.DemoDevice:
    return replace(camera, address=address)


def _with_mappings(router: table.DemoDevice, *mappings: upnp.Mapping) -> table.DemoDevice:
    def service(each: object) -> object:
        if isinstance(each, Web) and each.port == 49_152:
            control = {f"POST {upnp.CONTROL_PATH}": upnp.gateway_control(table.PUBLIC_ADDRESS, mappings)}
            return replace(each, pages={**each.pages, **control})
        return each

    return replace(router, services=tuple(service(each) for each in router.services))  # type: ignore[arg-type]


def _updated(nas: table.DemoDevice) -> table.DemoDevice:
    def service(each: object) -> object:
        if not isinstance(each, Web):
            return each
        pages = dict(each.pages)
        for question, page in each.pages.items():
            body = getattr(page, "body", "")
            for old, new in (("5.1.2", "5.2.7"), ("2533", "3297"), ("20230926", "20251024")):
                body = body.replace(old, new)
            pages[question] = replace(page, body=body)  # type: ignore[type-var]
        return replace(each, pages=pages)

    return replace(nas, services=tuple(service(each) for each in nas.services))  # type: ignore[arg-type]


@contextmanager
def office(rows: Rows) -> Iterator[None]:
    """The demo's office with other rows."""
    before = demo.DEVICES
    demo.DEVICES = rows
    try:
        yield
    finally:
        demo.DEVICES = before


async def look(rows: Rows, key: bytes) -> Audit:
    """One audit of the office from inside."""
    with office(rows):
        async with demo.open_office() as opened:
            settings = Settings(manners=LAB, is_demo=True, key=key)
            return await Auditor([opened.lan], settings, street=opened.street, here=Nowhere()).run()


async def check(history: History, rows: Rows, key: bytes) -> list[verifying.Verified]:
    """Verify every open finding against the office as it is."""
    with office(rows):
        async with demo.open_office() as opened:
            wanted = [one for one in history.findings() if one.fixed is None]
            errands, told = verifying.errands(history, wanted)
            settings = Settings(manners=LAB, is_demo=True, key=key)
            for errand in errands:
                told += await verifying.verify(history, errand, settings, street=opened.street, here=Nowhere())
    return told


def main() -> int:
    """Print the month; 0 where it went as it should."""
    key = b"a month of audits"[:16]
    place = sys.argv[1] if len(sys.argv) > 1 else str(Path(tempfile.mkdtemp(prefix="sohoaudit-month-")) / "history.db")
    with History(place) as history:
        numbers = []
        for week, (what, rows) in enumerate(weeks()):
            start = FIRST + timedelta(weeks=week)
            seen = asyncio.run(look(rows, key))
            length = seen.ended - seen.started
            dated = replace(seen, started=start, ended=start + length)
            keeper = Keeper(place, "", dated.scope, history)
            keeper.kept(dated)
            assert keeper.recorded is not None
            numbers.append(keeper.recorded.id)
            print(f"\n{start:%Y-%m-%d}: {what}\n$ sohoaudit scan --quiet --changes")
            print("\n".join(keeper.change_lines()) or "(nothing)")
            print(f"(exit {keeper.change_code(Priority.URGENT)})")
        print(f"\n$ sohoaudit diff {numbers[0]} {numbers[-1]}")
        print("\n".join(telling.lines(compare(history.audit(numbers[0]), history.audit(numbers[-1])), words("en"))))
        print("\n$ sohoaudit history list findings")
        print("\n".join(finding_line(one) for one in history.findings()))
        print("\n$ sohoaudit verify --all")
        for one in asyncio.run(check(history, weeks()[-1][1], key)):
            print(f"{one.outcome}: {one.finding} {one.title}\n  {one.evidence}")
        print(f"\nhistory check: {history.check() or 'sound'}; {history.size()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
