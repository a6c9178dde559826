"""The pipeline: scope, discover, sweep, probe, identify, assess; host by host, and nothing else."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import discover, probe
from .dialer import Dialer, Street
from .discover.connect import HOSTS_AT_ONCE, TELLING_PORTS, TIMEOUT_S, TRIES_WITHOUT_A_MAC
from .estimate import Estimate
from .here import Here
from .identify import Identifier
from .joining import Face, mac_in
from .journal import Finished, Journal
from .knowledge import fingerprints, known_from, ports
from .knowledge.gaps import gap
from .merging import joined_scope
from .model import Audit, Device, Evidence, Gap, Priority, Scope, Transport, Vantage
from .sweep import Way
from .sweep.connect import Connect
from .sweep.pace import NORMAL, Manners, PoliteKeeper
from .verdict import verdict
from .visit import Visit

if TYPE_CHECKING:
    from .sweep.raw_client import Raw

# So many addresses are each looked at whether they answer a knock or not: somebody named them.
NAMED_ADDRESSES = 16
# After this long a device is left as far as it was read, so that one that drips cannot hold up the office.
HOST_TIME_S = 120
# Once something was sent, Linux gives an entry that is stale up after 5 s and three questions (arp(7)).
NEIGHBOUR_FORGOTTEN_S = 9.0
# The progress is told so often at least.
TOLD_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for.

    `fingerprints` are folders of the user's own, which win over ours. `hairpin` are this network's addresses on the
    internet, which are asked from inside, on the ports of management alone. `key` hashes serial numbers and the like;
    the same key keeps them alike over the faces of a box and over several runs.
    """

    tcp_ports: tuple[int, ...] = field(default_factory=lambda: default_tcp_ports())
    udp_ports: tuple[int, ...] = field(default_factory=lambda: default_udp_ports())
    manners: Manners = NORMAL
    communities: tuple[str, ...] = ("public",)
    language: str = "en"
    is_demo: bool = False
    fingerprints: tuple[Path, ...] = ()
    hairpin: tuple[str, ...] = ()
    key: bytes = field(default_factory=probe.own_key, repr=False)
    # How ports are asked: `connect`, or `syn` through the raw helper where that works.
    sweep: str = "connect"


def default_tcp_ports() -> tuple[int, ...]:
    """The TCP ports that are swept where the user names none, best value first."""
    return tuple(port.port for port in ports.default_ports(Transport.TCP))


def management_tcp_ports() -> tuple[int, ...]:
    """Those of the default TCP ports through which a device is managed."""
    return tuple(port.port for port in ports.default_ports(Transport.TCP) if port.manages)


def default_udp_ports() -> tuple[int, ...]:
    """The UDP ports that are asked, those first that tell most; only ports that some probe can ask."""
    asked = {port for each in probe.probes().values() if not each.waits_for_reason for port in each.udp}
    return tuple(port.port for port in ports.default_ports(Transport.UDP) if port.port in asked)


class Watch(Protocol):
    """Hears how the audit goes; called often, must be quick."""

    def __call__(self, progress: "Progress") -> None:
        """Take note of the progress so far."""


@dataclass(slots=True)
class Progress:
    """How far an audit is: addresses in scope, hosts found and finished, who is being looked at, and for how long."""

    addresses: int
    found: int = 0
    finished: int = 0
    is_discovering: bool = True
    busy: dict[str, str] = field(default_factory=dict)
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an audit would ask, of whom, and about how long it would take."""

    addresses: int
    tcp_ports: int
    udp_ports: int
    manners: Manners
    seconds: float


def plan(scope: Scope, settings: Settings) -> Plan:
    """Estimate without sending anything: discovery of empty addresses, then every host side by side."""
    addresses = sum(1 for _ in scope.addresses())
    seconds = _estimate(addresses, settings, is_on_link=True).whole_s(min(addresses, 64))
    return Plan(addresses, len(settings.tcp_ports), len(settings.udp_ports), settings.manners, seconds)


def _estimate(addresses: int, settings: Settings, *, is_on_link: bool, began_s: float = 0.0) -> Estimate:
    # Nearly all addresses are empty, and get all the knocks there are.
    tries = TRIES_WITHOUT_A_MAC if is_on_link else len(TELLING_PORTS)
    knocks = addresses * tries if addresses > NAMED_ADDRESSES else 0
    knocking_s = math.ceil(knocks / tries / HOSTS_AT_ONCE) * tries * TIMEOUT_S
    packets = len(settings.tcp_ports) + len(settings.udp_ports)
    return Estimate(packets, settings.manners, knocks=knocks, knocking_s=knocking_s, began_s=began_s)


class Auditor:
    """One run over one scope or several (the demo looks from inside and from outside)."""

    def __init__(
        self,
        scopes: Sequence[Scope],
        settings: Settings,
        *,
        street: Street | None = None,
        here: Here | None = None,
        watch: Watch | None = None,
        gaps: Sequence[Gap] = (),
        journal: Journal | None = None,
    ) -> None:
        """Takes what may be touched, the settings, what lies behind the door, who hears of the progress.

        `gaps` are what is known before the run to be missing from it. What the journal holds is not asked again, and
        what is finished is written to it.
        """
        self._keeper = PoliteKeeper(settings.manners)
        self._scopes = tuple(scopes)
        self._journal = journal
        self._restored = journal.finished if journal else ()
        self._dialers = [
            Dialer(journal.rest_of(scope) if journal else scope, self._keeper, street, settings.tcp_ports)
            for scope in self._scopes
        ]
        self._settings = settings
        # One key a run: the two faces of a box are joined by the same hash of the same serial number.
        self._questions = probe.Settings(
            communities=settings.communities, key=journal.head.key if journal else settings.key
        )
        self._here = here or Here()
        self._watch = watch or (lambda progress: None)
        self._way: Way = Connect()
        self._identifier = Identifier(fingerprints.load(settings.fingerprints))
        self._faces = [done.face for done in self._restored if done.has_answered]
        self._gaps = [*gaps, *(gap for done in self._restored for gap in done.gaps)]
        self._gateways: tuple[str, ...] = ()
        self._stopped = asyncio.Event()
        self._began, self._began_s = datetime.now(UTC), time.monotonic()
        self._estimate = _estimate(0, settings, is_on_link=True)
        self._busy: dict[str, Visit] = {}
        done = len(self._restored)
        self.progress = Progress(sum(1 for scope in scopes for _ in scope.addresses()), found=done, finished=done)

    def stop(self) -> None:
        """End at once; `run` returns the audit of what was done."""
        self._stopped.set()

    async def run(self) -> Audit:
        """The whole audit; faults of devices, probes and rules are in its coverage and never raised."""
        self._began, self._began_s = datetime.now(UTC), time.monotonic()
        started = self._journal.head.started if self._journal else self._began
        # On macOS this runs a program.
        self._gateways = await asyncio.to_thread(getattr, self._here, "gateways")
        raw = await self._started_raw() if self._settings.sweep == "syn" else None
        self._estimate = _estimate(
            self.progress.addresses, self._settings, is_on_link=any(map(self._here.links_into, self._scopes)),
            began_s=asyncio.get_running_loop().time(),
        )  # fmt: skip
        work = asyncio.create_task(self._look_at_everything())
        stop, tell = asyncio.create_task(self._stopped.wait()), asyncio.create_task(self._tell())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        was_stopped = not work.done()
        for task in (work, stop, tell):
            task.cancel()
        outcome, *_ = await asyncio.gather(work, stop, tell, return_exceptions=True)
        if raw:
            self._note_fault_of(self._way)
            await raw.close()
        if isinstance(outcome, Exception):
            raise outcome
        if was_stopped:
            unfinished = self.progress.found - self.progress.finished
            self._gaps.append(gap("probe", "the audit", "stopped", str(unfinished), matters=True))
        everywhere = joined_scope(self._scopes)
        neighbours = await asyncio.to_thread(self._here.neighbours, everywhere)
        return self._audit(started, {neighbour.address: neighbour.mac for neighbour in neighbours}, not was_stopped)

    async def _tell(self) -> None:
        """Tell the progress every second, with how long it still takes."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            for address, visit in self._busy.items():
                if visit.face.open:
                    self._estimate.speak(address, clock())
            self.progress.left_s = self._estimate.left_s(
                clock(), self._keeper.sent,
                is_discovering=self.progress.is_discovering, run_rate=self._keeper.link.packets_a_second,
            )  # fmt: skip
            self._watch(self.progress)

    async def _started_raw(self) -> "Raw | None":
        """The raw helper on the first scope's link; where it cannot work, the audit goes on without and says so."""
        from .sweep.raw_client import Raw, RawUnavailable
        from .sweep.syn import Syn

        dialer = self._dialers[0]
        try:
            raw = await Raw.start(dialer.scope, self._settings.manners, self._here, dialer.shut)
        except RawUnavailable as why:
            self._gaps.append(gap("sweep", "raw packets", "no-raw", str(why)))
            return None
        dialer.neighbours, self._way = raw, Syn(raw)
        return raw

    def _note_fault_of(self, way: Way) -> None:
        if fault := getattr(way, "fault", None):
            self._gaps.append(gap("sweep", "raw packets", "raw-fault", fault))

    async def _look_at_everything(self) -> None:
        async with asyncio.TaskGroup() as looks:
            for scope, dialer in zip(self._scopes, self._dialers, strict=True):
                looks.create_task(self._look(scope, dialer))
        self.progress.is_discovering = False

    async def _look(self, scope: Scope, dialer: Dialer) -> None:
        visits: dict[str, Visit] = {}
        async with asyncio.TaskGroup() as hosts:
            async with contextlib.aclosing(self._hosts(dialer)) as sightings:
                async for sighting in sightings:
                    visit = visits.get(sighting.address)
                    if visit is None:
                        visit = visits[sighting.address] = self._visit(dialer, sighting.address)
                        self.progress.found += 1
                        hosts.create_task(self._finish(visit))
                    visit.note(sighting)
            self.progress.is_discovering = False
            self._watch(self.progress)
        restored = {done.face.address for done in self._restored if done.has_answered}
        self._name_the_silent(scope, restored | {visit.face.address for visit in visits.values() if visit.has_answered})

    async def _hosts(self, dialer: Dialer) -> AsyncGenerator[discover.Sighting, None]:
        named = list(dialer.scope.addresses()) if dialer.scope.size <= NAMED_ADDRESSES else []
        for address in named:
            yield discover.Sighting(address, "named")
        if named and (dialer.scope.vantage is not Vantage.LAN or set(named) <= set(self._settings.hairpin)):
            return
        async with contextlib.aclosing(discover.sightings(dialer, self._here)) as sightings:
            async for item in sightings:
                if isinstance(item, Gap):
                    self._gaps.append(item)
                else:
                    yield item

    def _visit(self, dialer: Dialer, address: str) -> Visit:
        face = Face(address, dialer.scope.vantage, is_hairpin=address in self._settings.hairpin)
        tcp_ports = management_tcp_ports() if face.is_hairpin else self._settings.tcp_ports
        udp_ports = () if face.is_hairpin else self._settings.udp_ports
        dialogue = probe.Dialogue(dialer, self._questions)
        return Visit(face, tcp_ports, udp_ports, dialogue, self._keeper, self._identifier, self._way)

    async def _finish(self, visit: Visit) -> None:
        address, clock = visit.face.address, asyncio.get_running_loop().time
        self.progress.busy[address] = "asking"
        self._busy[address] = visit
        self._estimate.begin(address, clock())
        try:
            async with asyncio.timeout(HOST_TIME_S):
                await visit.run()
                await self._settle(visit)
        except TimeoutError:
            self._gaps.append(gap("probe", address, "slow", str(HOST_TIME_S)))
        except Exception as fault:
            self._gaps.append(gap("probe", address, "fault", f"{type(fault).__name__}: {fault}", matters=True))
        finally:
            self.progress.busy.pop(address, None)
            self._busy.pop(address, None)
            self._estimate.end(address, clock())
            self._gaps.extend(visit.gaps)
            visit.sort()
            if visit.has_answered:
                self._faces.append(visit.face)
        await self._write_down(visit)
        self.progress.finished += 1
        self._watch(self.progress)

    async def _settle(self, visit: Visit) -> None:
        """Tell a host that is on the link and answered at no port from one that only an old entry still names.

        What left is no device that was looked at again: else all of it would be called fixed.
        """
        if visit.has_answered or not visit.link_ways:
            return
        if "arp" not in visit.link_ways:
            await asyncio.sleep(visit.began_s + NEIGHBOUR_FORGOTTEN_S - time.monotonic())
            there = await asyncio.to_thread(self._here.neighbours, joined_scope(self._scopes))
            if visit.face.address not in {neighbour.address for neighbour in there}:
                return
        visit.has_answered = True
        visit.gaps.append(gap("sweep", visit.face.address, "link-only"))

    async def _write_down(self, visit: Visit) -> None:
        """Put a finished host into the journal; where that fails the audit goes on without one."""
        journal = self._journal
        if journal is None:
            return
        macs = {
            neighbour.address: neighbour.mac
            for neighbour in await asyncio.to_thread(self._here.neighbours, joined_scope(self._scopes))
        }
        visit.face.mac = macs.get(visit.face.address) or visit.face.mac
        finished = Finished(visit.face, visit.has_answered, tuple(visit.gaps))
        try:
            await asyncio.to_thread(journal.write, finished)
        except OSError as fault:
            self._gaps.append(gap("probe", str(journal.path), "no-journal", str(fault.strerror)))
            self._journal = None

    def _name_the_silent(self, scope: Scope, answered: set[str]) -> None:
        """A target that somebody named, or the router, and that said nothing at all, is a gap that matters."""
        wanted = set(scope.addresses()) if scope.size <= NAMED_ADDRESSES else set()
        wanted |= {gateway for gateway in self._gateways if scope.holds(gateway)}
        wanted -= set(self._settings.hairpin)
        for address in sorted(wanted - answered):
            code = "router-silent" if address in self._gateways else "target-silent"
            self._gaps.append(gap("sweep", address, code, matters=True))
        if scope.size > NAMED_ADDRESSES and not answered:
            self._gaps.append(gap("discover", ", ".join(scope.targets), "nobody", matters=True))

    def _audit(self, started: datetime, macs: Mapping[str, str], is_complete: bool) -> Audit:
        for face in self._faces:
            face.mac = macs.get(face.address) or face.mac
        devices, gaps = verdict(
            self._faces, self._identifier, gateways=self._gateways, language=self._settings.language
        )
        self._gaps.extend(gaps)
        self._gaps.extend(self._doubts(devices))
        return Audit(
            scope=joined_scope(self._scopes),
            started=started,
            # Wall clocks jump, and no audit ends before it began.
            ended=max(started, self._began + timedelta(seconds=time.monotonic() - self._began_s)),
            devices=devices,
            coverage=tuple(dict.fromkeys(self._gaps)),
            knowledge=known_from(),
            settings={
                "discover": ", ".join(discover.ways()),
                "sweep": self._way.name,
                "pace": self._settings.manners.name,
                "tcp ports": str(len(self._settings.tcp_ports)),
                "udp ports": str(len(self._settings.udp_ports)),
            }
            | _ports_asked(self._settings)
            | ({"gateways": ", ".join(self._gateways)} if self._gateways else {}),
            language=self._settings.language,
            is_demo=self._settings.is_demo,
            is_complete=is_complete,
        )

    def _doubts(self, devices: Sequence[Device]) -> Iterator[Gap]:
        """What only a look from outside can tell, with the command for it; and the IPv6 that nobody allowed."""
        for face in self._faces:
            if face.is_hairpin and face.open:
                yield gap("sweep", face.address, "outside-only", face.address)
        if six := [address for device in devices if (address := _doubted6(device, "firewall"))]:
            yield gap("sweep", "IPv6", "firewalled6", " ".join(six[:NAMED_ADDRESSES]))
        for own in filter(None, (_doubted6(device, "own-side") for device in devices)):
            yield gap("sweep", own, "outside-only", own)
        for scope in self._scopes:
            for network in self._here.lan6 if "lan" in scope.targets else ():
                if not scope.holds(network.network_address):
                    yield gap("discover", str(network), "left-out-public")


def _doubted6(device: Device, doubt: str) -> str | None:
    """The global address of a device on which its management is doubted for this reason; of several the lasting one."""
    found = [e for e in device.exposures if e.doubt == doubt and e.evidence is Evidence.GLOBAL_ADDRESS and e.management]
    addresses = [exposure.endpoint.address for exposure in found]
    return next((address for address in addresses if mac_in(address)), addresses[0] if addresses else None)


def exit_code(audit: Audit, fail_on: Priority | None) -> int:
    """1 where a finding is as pressing as `fail_on` or more, else 3 where something that matters is missing, else 0."""
    counted = [finding for _, finding in audit.findings if finding.accepted is None]
    if fail_on and any(finding.priority.rank <= fail_on.rank for finding in counted):
        return 1
    return 3 if not audit.is_complete or any(gap.matters for gap in audit.coverage) else 0


def _ports_asked(settings: Settings) -> dict[str, str]:
    """The ports where they are not the usual ones, so that nobody takes a port that was not asked for closed."""
    asked = {"tcp": (settings.tcp_ports, default_tcp_ports()), "udp": (settings.udp_ports, default_udp_ports())}
    return {
        f"{transport} ports asked": ", ".join(map(str, own)) or "none"
        for transport, (own, usual) in asked.items()
        if set(own) != set(usual)
    }
