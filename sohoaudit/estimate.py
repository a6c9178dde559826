"""How long an audit still takes: by its pace before it begins, by what is measured once it runs."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from .sweep.pace import LATENESS_S, NORMAL, Manners

# What one host costs beside its ports: greetings, pages, a few follow-up questions (measured on the demo office).
PROBING_S = 8.0
# How much the last second counts in a host's rate.
NEWEST = 0.3
# When nobody was found for so long, nobody is expected any more.
QUIET_S = 0.5


@dataclass(slots=True)
class _Look:
    """One host that is being looked at: packets sent until when, its rate, and since when it is being spoken to."""

    moment_s: float
    sent: int = 0
    packets_a_second: float | None = None
    opened_s: float | None = None


class Estimate:
    """What is left of one audit; moments are seconds of any one clock.

    The hosts are looked at side by side, so the one that takes longest decides, or the budget of the run where many
    share it. A host takes as long as its ports do at the rate that is measured; one that is spoken to as long as others
    were.
    """

    def __init__(
        self, packets: int, manners: Manners, *, knocks: int = 0, knocking_s: float = 0.0, began_s: float = 0.0
    ) -> None:
        """Takes how many packets the ports of one host cost, the manners, and the cost of finding hosts.

        `knocks` are its packets, and `knocking_s` is how long it takes where nothing holds them back.
        """
        self._packets, self._manners, self._knocks = packets, manners, knocks
        self._knocking_s = max(knocking_s, knocks / manners.run_packets_a_second)
        self._began_s = self._last_found_s = began_s
        self._looks: dict[str, _Look] = {}
        self._spoken_s: list[float] = []

    def whole_s(self, hosts: int) -> float:
        """How long it takes in all, where so many hosts answer and each is spoken to."""
        all_ports_s = hosts * self._packets / self._manners.run_packets_a_second
        return self._knocking_s + max(self._ports_s(self._packets), self._speaking_s(), all_ports_s)

    def begin(self, address: str, now_s: float) -> None:
        """A host is being looked at from now on."""
        self._looks[address] = _Look(now_s)
        self._last_found_s = now_s

    def speak(self, address: str, now_s: float) -> None:
        """A port of the host is open: it is being spoken to."""
        look = self._looks.get(address)
        if look and look.opened_s is None:
            look.opened_s = now_s

    def end(self, address: str, now_s: float) -> None:
        """The host is finished."""
        look = self._looks.pop(address, None)
        if look and look.opened_s is not None:
            self._spoken_s.append(now_s - look.opened_s)

    def left_s(self, now_s: float, sent: Mapping[str, int], *, is_discovering: bool, run_rate: float) -> float:
        """How long it still takes.

        Args:
            now_s: the moment.
            sent: how many packets each host was sent.
            is_discovering: whether more hosts may be found.
            run_rate: packets a second that the whole run may send, as things stand.
        """
        self._measure(now_s, sent, is_discovering)
        unsent = {address: max(0, self._packets - look.sent) for address, look in self._looks.items()}
        times_s = [self._host_s(look, unsent[address], now_s) for address, look in self._looks.items()]
        knocks = 0.0
        if is_discovering:
            knocking_s = max(0.0, self._began_s + self._knocking_s - now_s)
            knocks = self._knocks * knocking_s / self._knocking_s if self._knocking_s else 0.0
            more_are_expected = now_s - self._last_found_s < QUIET_S
            times_s.append(knocking_s + (self._ports_s(self._packets) if more_are_expected else 0.0))
        return max([(sum(unsent.values()) + knocks) / run_rate, *times_s], default=0.0)

    def _measure(self, now_s: float, sent: Mapping[str, int], is_discovering: bool) -> None:
        """Note the rate at which each host is asked; while hosts are being found it says nothing of what comes."""
        for address, look in self._looks.items():
            elapsed_s, packets = now_s - look.moment_s, sent.get(address, 0)
            if elapsed_s <= 0:
                continue
            rate, known = (packets - look.sent) / elapsed_s, look.packets_a_second
            look.moment_s, look.sent = now_s, packets
            if not is_discovering:
                look.packets_a_second = rate if known is None else (1 - NEWEST) * known + NEWEST * rate

    def _host_s(self, look: _Look, unsent: int, now_s: float) -> float:
        ports_s = unsent / look.packets_a_second if look.packets_a_second else self._ports_s(unsent)
        speaking_s = 0.0 if look.opened_s is None else self._speaking_s() - (now_s - look.opened_s)
        return max(ports_s, speaking_s, 0.0)

    def _ports_s(self, packets: int) -> float:
        return packets * (1 + LATENESS_S) / self._manners.host_packets_a_second

    def _speaking_s(self) -> float:
        """As long as it took with the hosts that are finished; before, the longer the wider requests are apart."""
        if self._spoken_s:
            return statistics.fmean(self._spoken_s)
        return PROBING_S * max(1.0, self._manners.request_gap_s / NORMAL.request_gap_s)
