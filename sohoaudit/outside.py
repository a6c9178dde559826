"""What a scan from inside wants to know of the outside: this network's own address, and what an index saw of it."""

from collections.abc import Sequence
from dataclasses import replace

from . import indexes, wan
from .here import Here
from .model import Audit, Gap, Index, Scope, Vantage
from .scope import ScopeError, parse


class Own:
    """This network's addresses on the internet, asked of the gateway once, when first wanted."""

    def __init__(self, here: Here, vantage: Vantage, *, is_dry: bool) -> None:
        """Takes this machine's place, where it stands, and whether nothing may be sent."""
        self.told: tuple[str, ...] = ()
        self.gaps: list[Gap] = []
        self._here, self._vantage, self._is_dry = here, vantage, is_dry

    def addresses(self) -> Sequence[str]:
        """The addresses that the gateway names.

        Raises:
            ScopeError: only the inside can ask, and only where something may be sent.
            WanUnknown: the gateway names none that is on the internet.
        """
        if self._vantage is not Vantage.LAN:
            raise ScopeError("wan: only the inside can ask the gateway: give the outside address as a number")
        if self._is_dry:
            raise ScopeError("wan: --dry-run sends nothing, and only the gateway knows: give the address as a number")
        self.told = self.told or wan.ask(self._here)
        return self.told

    def hairpin_scopes(self, authority: str | None, exclude: Sequence[str]) -> list[Scope]:
        """The scope of a look at them from inside; none, and a gap, where the gateway names none.

        Raises:
            ScopeError: nobody's permission was given, or the machine stands outside.
        """
        try:
            addresses = [] if self._is_dry else self.addresses()
        except wan.WanUnknown as unknown:
            reason, _, remedy = str(unknown).removeprefix("wan: ").partition(": ")
            self.gaps.append(Gap("sweep", "--hairpin", reason, remedy))
            return []
        if not addresses:
            return []
        scope = parse(addresses, exclude=exclude, authority=authority, here=self._here)
        return [replace(scope, targets=("wan",))]


def indexed(index: Index, seen: Audit) -> list[Audit]:
    """What an index saw of the outside address of an audit, as an audit of its own; one gap where nobody knows it."""
    try:
        addresses = wan.of_audit(seen)
    except wan.WanUnknown as unknown:
        reason, _, remedy = str(unknown).removeprefix("wan: ").partition(": ")
        gap = Gap("index", index.value, f"{reason}, so it was not asked", remedy)
        return [replace(seen, devices=(), coverage=(gap,))]
    return [indexes.look_up(index, addresses, language=seen.language)]
