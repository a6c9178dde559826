"""Remembers who started, to name the parent of a process where its own record does not."""

from collections import OrderedDict
from datetime import timedelta

from .event import Event

# PIDs are used again: a join reaches back this far at most, and only to the latest start of that number.
_REACH = timedelta(hours=24)
_KEPT = 10_000
_COMMAND_LENGTH = 400


class Parents:
    """The latest starts by process GUID and by host and number, the oldest forgotten first."""

    def __init__(self) -> None:
        self._by_guid: OrderedDict[object, tuple[object, object]] = OrderedDict()
        self._by_number: OrderedDict[tuple[str, int], tuple[str, object, object]] = OrderedDict()

    def fill(self, event: Event) -> bool:
        """Give the event its parent's name and command where it lacks them; True where the name was found so."""
        joined = False
        fields = event.fields
        if not fields.get("ParentImage") and not fields.get("OsParentImage"):
            joined = self._join(event)
        image, command = fields.get("Image"), str(fields.get("CommandLine") or "")[:_COMMAND_LENGTH]
        if not image:
            return joined
        if guid := fields.get("ProcessGuid"):
            self._by_guid[guid] = (image, command)
            if len(self._by_guid) > _KEPT:
                self._by_guid.popitem(last=False)
        elif (number := _number(fields.get("ProcessId"))) is not None:
            self._by_number[event.host, number] = (event.time, image, command)
            self._by_number.move_to_end((event.host, number))
            if len(self._by_number) > _KEPT:
                self._by_number.popitem(last=False)
        return joined

    def _join(self, event: Event) -> bool:
        found = self._by_guid.get(event.fields.get("ParentProcessGuid"))
        if found is None:
            number = _number(event.fields.get("ParentProcessId"))
            start = self._by_number.get((event.host, number)) if number is not None else None
            if start is None or not _is_soon_after(start[0], event):
                return False
            found = start[1:]
            # Numbers are used again: a rule may take this parent as a guess.
            event.fields["ParentGuessed"] = "true"
        event.fields["ParentImage"], event.fields["ParentCommandLine"] = found
        return True


def _is_soon_after(earlier: str, event: Event) -> bool:
    started = Event("", {}, time=earlier).moment
    now = event.moment
    return started is not None and now is not None and timedelta() <= now - started <= _REACH


def _number(value: object) -> int | None:
    try:
        return int(str(value), 0)
    except ValueError:
        return None
