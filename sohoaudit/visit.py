"""One host of an audit: swept, asked, asked again what its answers lead to; what it would not tell is a gap."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence

from . import discover, probe
from .dialer import BudgetSpent, Harmful, OutOfScope
from .identify import Identifier
from .joining import Face
from .knowledge.gaps import gap
from .model import Endpoint, Gap, Observation, Transport
from .sweep import Fell, State, Way, sweep
from .sweep.pace import PoliteKeeper

FOLLOW_UP_ROUNDS = 2
# Two silences in a row mean that a device is struggling; it is left alone this long and asked once more.
SILENCES_BEFORE_LEAVING = 2
REST_S = 5


class Visit:
    """One host being looked at: its ports swept, each open one asked, then the follow-up questions."""

    def __init__(
        self,
        face: Face,
        tcp_ports: Sequence[int],
        udp_ports: Sequence[int],
        dialogue: probe.Dialogue,
        keeper: PoliteKeeper,
        identifier: Identifier,
        way: Way,
    ) -> None:
        """Takes the face to fill, the ports, who asks, who keeps the pace, what knows devices, and how to sweep."""
        self.face = face
        self.gaps: list[Gap] = []
        self.has_answered = False
        self.link_ways: set[str] = set()
        self.began_s = time.monotonic()
        self._keeper = keeper
        self._identifier = identifier
        self._tcp_ports = tcp_ports
        self._udp_ports = udp_ports
        self._way = way
        self._dialogue = dialogue
        self._silences = 0
        self._postponed: list[Endpoint] = []
        self._asked: set[tuple[Endpoint, str]] = set()

    def note(self, sighting: discover.Sighting) -> None:
        """Keep what was said while the host was being found."""
        if sighting.way in discover.LINK_WAYS:
            self.link_ways.add(sighting.way)
        elif sighting.way != "named":
            self.has_answered = True
        if sighting.observation:
            self.face.observations.append(sighting.observation.seen_from(self.face.vantage))
            self._take_care()
        self.face.mac = sighting.mac or self.face.mac

    def sort(self) -> None:
        """Put what was seen into an order that does not depend on who answered first, so that two runs agree."""
        self.face.open.sort()
        self.face.observations.sort(key=lambda seen: (seen.endpoint, seen.probe, sorted(seen.fields.items())))

    async def run(self) -> None:
        """Look at the host from its ports to its last follow-up question."""
        async with asyncio.TaskGroup() as questions:
            questions.create_task(self._ask_in_turn(self._udp_endpoints()))
            ports = sweep(self.face.address, self._tcp_ports, self._dialogue.dialer, self._way)
            try:
                async with contextlib.aclosing(ports) as seen:
                    async for port in seen:
                        if port.state is not State.SILENT:
                            self.has_answered = True
                        if port.state is State.OPEN:
                            self.face.open.append(port.endpoint)
                            questions.create_task(self._ask(port.endpoint))
            except Fell as fell:
                self.gaps.append(gap("sweep", self.face.address, "fell", str(fell.unasked)))
        await self._ask_the_postponed()
        for _ in range(FOLLOW_UP_ROUNDS):
            if not await self._follow_up():
                break

    def _udp_endpoints(self) -> list[Endpoint]:
        return [Endpoint(self.face.address, port, Transport.UDP) for port in self._udp_ports]

    async def _ask_in_turn(self, endpoints: Iterable[Endpoint]) -> None:
        async with asyncio.TaskGroup() as group:
            for endpoint in endpoints:
                group.create_task(self._ask(endpoint))

    async def _ask(self, endpoint: Endpoint) -> None:
        if self._silences >= SILENCES_BEFORE_LEAVING and endpoint.transport is Transport.TCP:
            self._postponed.append(endpoint)
            return
        with self._told_in_coverage(endpoint):
            is_mute = True
            async for observation in probe.ask(endpoint, self._dialogue):
                is_mute = False
                self._keep(observation)
                self._take_care()
            if is_mute and endpoint.transport is Transport.TCP and probe.speaks(endpoint):
                self.gaps.append(gap("probe", str(endpoint), "mute"))

    async def _ask_the_postponed(self) -> None:
        if not self._postponed:
            return
        await asyncio.sleep(REST_S)
        waiting, self._postponed, self._silences = self._postponed, [], 0
        for endpoint in waiting:
            await self._ask(endpoint)
        if self._postponed:
            self.gaps.append(gap("probe", self.face.address, "left-alone", str(len(self.face.observations))))

    async def _follow_up(self) -> bool:
        """Ask what the fingerprints want to know next; False where nothing is left to ask."""
        wanted = [
            (question.endpoint, question.path or question.name or f"snmp:{question.oid}")
            for question in self._identifier.questions(self.face.observations)
        ]
        fresh = [each for each in dict.fromkeys(wanted) if each not in self._asked]
        self._asked.update(fresh)
        for endpoint, text in fresh:
            with self._told_in_coverage(endpoint):
                observation = await probe.follow(endpoint, text, self._dialogue)
                if observation:
                    self.face.observations.append(observation.seen_from(self.face.vantage))
        return bool(fresh)

    def _keep(self, observation: Observation) -> None:
        """Keep what was said; an endpoint that broke off before it said anything is a gap."""
        self.face.observations.append(observation.seen_from(self.face.vantage))
        if observation.is_answer:
            self._silences = 0
            self.has_answered = True
        faults = [text for name, text in observation.fields.items() if name.endswith(".fault")]
        if faults and not {"http.title", "http.body"} & observation.fields.keys():
            self.gaps.append(gap("probe", str(observation.endpoint), "unreadable", faults[0].splitlines()[0]))

    def _take_care(self) -> None:
        """Ask a device that is known to fall over more gently from the moment it is recognised."""
        identity = self._identifier.identify(self.face.observations)
        if identity and "fragile" in identity.traits:
            self._keeper.be_gentle_to(self.face.address)

    @contextlib.contextmanager
    def _told_in_coverage(self, endpoint: Endpoint) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            self._silences += 1
            self.gaps.append(gap("probe", str(endpoint), "no-answer"))
        except BudgetSpent:
            self.gaps.append(gap("probe", self.face.address, "budget"))
        except Harmful:
            self.gaps.append(gap("probe", str(endpoint), "harmful"))
        except OutOfScope:
            self.gaps.append(gap("probe", str(endpoint), "out-of-scope"))
        except OSError as fault:
            # UDP says "closed" by a refusal and "nobody" by no route; a TCP port was open a moment ago.
            self.has_answered |= isinstance(fault, ConnectionRefusedError)
            if endpoint.transport is Transport.TCP:
                self.gaps.append(gap("probe", str(endpoint), "broke-off", str(fault.strerror or fault)))
        except Exception as fault:
            said = f"{type(fault).__name__}: {fault}"
            self.gaps.append(gap("probe", str(endpoint), "question-failed", said, matters=True))
