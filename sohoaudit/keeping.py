"""Keeps an audit in the history while it runs: one run a scope, lasting ids, accepted risks, and what changed."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from .knowledge.gaps import gap
from .model import Audit, Gap, Priority, Scope, printable
from .places import state_folder

if TYPE_CHECKING:
    from .history.accepted import Accepted
    from .history.change import Change, Difference
    from .history.runs import Run
    from .history.store import History, Recorded

Tell = Callable[[str], None]


def history_place(chosen: str | None) -> str:
    """The history that was asked for, else the file in the state folder."""
    return chosen or str(state_folder() / "history.db")


def beside(place: str) -> Path:
    """The folder beside the history, where accepted risks and locks lie; the state folder for a database server."""
    return state_folder() if "://" in place else Path(place).resolve().parent


@dataclass(slots=True)
class Keeper:
    """One audit's place in the history; `kept` is called with the audit, and once.

    Without a history (`place` None) it holds the lock alone.
    """

    place: str | None
    site: str
    scope: Scope
    history: "History | None" = None
    accepted: "tuple[Accepted, ...]" = ()
    recorded: "Recorded | None" = None
    shown: Audit | None = None
    notes: list[str] = field(default_factory=list)
    _run: "Run | None" = None

    def kept(self, audit: Audit) -> Audit:
        """The audit as the report shows it: with lasting ids and `first_seen`, accepted findings lowered.

        A history that cannot be written costs a gap and not the audit.
        """
        from .history import HistoryError
        from .history.accepted import applied

        if self.history is None:
            return audit
        try:
            self.recorded = self.history.record(audit, self.site, self.scope)
            audit = self.recorded.audit
        except HistoryError as fault:
            self.notes.append(f"this audit was not kept: {fault}")
            missing = gap("report", "the history", "not-kept", str(fault), matters=True)
            return replace(audit, coverage=(*audit.coverage, missing))
        if later := self.recorded.clock_went_back:
            self.notes.append(f"an earlier audit says {later:%Y-%m-%d %H:%M} UTC: check this machine's clock")
        self.shown = applied(audit, self.accepted, date.today())
        return self.shown

    @property
    def changes(self) -> "tuple[Change, ...]":
        """What a person wants to be woken for, without what somebody accepted."""
        if self.recorded is None:
            return ()
        today = date.today()
        known = {entry.finding for entry in self.accepted if entry.counts(today)}
        told = self.recorded.difference.notable
        return tuple(change for change in told if not (change.finding and change.finding.id in known))

    @property
    def returned(self) -> "tuple[Accepted, ...]":
        """Accepted risks that expired since the last audit and are there still."""
        if self.recorded is None:
            return ()
        last = self.recorded.difference.old.started.date()
        there = {finding.id for _, finding in self.recorded.audit.findings}
        return tuple(
            entry
            for entry in self.accepted
            if entry.finding in there and not entry.counts(date.today()) and entry.counts(last)
        )

    @property
    def fresh_gaps(self) -> tuple[Gap, ...]:
        """What matters and could not be looked at now, and was no gap last time."""
        if self.recorded is None:
            return ()
        before = {(gap.stage, gap.subject) for gap in self.recorded.difference.old.coverage}
        gaps = self.recorded.audit.coverage
        return tuple(gap for gap in gaps if gap.matters and (gap.stage, gap.subject) not in before)

    @property
    def since(self) -> "Difference | None":
        """What changed since the audit before; None for a first one, or where it was not kept."""
        recorded = self.recorded
        return recorded.difference if recorded and not recorded.is_first else None

    def change_lines(self) -> list[str]:
        """The change in ten lines, in the language of the audit; empty where nothing changed."""
        from .report.content import telling
        from .report.content.words import words

        recorded = self.recorded
        if recorded is None:
            return []
        t = words(recorded.audit.language)
        if recorded.is_first:
            return [telling.first(recorded.audit, recorded.id, t)]
        more = f"sohoaudit diff {recorded.previous} {recorded.id}"
        lines = telling.mail(self.changes, recorded.difference, more, t)
        lines += [
            t("changes.expired", finding=entry.finding, until=entry.until, by=printable(entry.by))
            for entry in self.returned
        ]
        for subject, reason, _ in map(t.gap, self.fresh_gaps):
            lines.append(t("changes.not_looked_at", subject=subject, reason=reason))
        room = telling.MAIL_LINES
        return lines if len(lines) <= room else [*lines[: room - 1], t("changes.and_more", command=more)]

    def post(self, urls: Sequence[str], on: str) -> None:
        """Tell the channels what changed, once, and send what waited for them.

        Args:
            urls: apprise URLs.
            on: `change`, or a priority: tell it only where a finding that changed is so pressing, or more.
        """
        from . import notices
        from .history import HistoryError, outbox
        from .history.lock import scope_key

        if self.history is None or self.recorded is None or not urls:
            return
        try:
            if self._is_worth_a_notice(on):
                lines = self.change_lines()
                key, about = scope_key(self.scope, self.site), str(self.recorded.id)
                for url in urls:
                    outbox.put(
                        self.history, key, outbox.channel_of(url), about, f"sohoaudit: {lines[0]}", "\n".join(lines)
                    )
            self.notes += notices.deliver(self.history, urls)
        except HistoryError as fault:
            self.notes.append(str(fault))

    def _is_worth_a_notice(self, on: str) -> bool:
        if self.recorded is None or self.shown is None:
            return False
        if on == "change":
            return not self.recorded.is_first and bool(self.changes or self.returned or self.fresh_gaps)
        told = [change.finding for change in self.changes if change.finding]
        if self.recorded.is_first:
            told = [finding for _, finding in self.shown.findings]
        return any(finding.priority.rank <= Priority(on).rank for finding in told)

    def change_code(self, fail_on: Priority | None) -> int:
        """The exit code by what changed alone: 1, else 3, else 0; the whole audit's for a first one."""
        from .audit import exit_code

        recorded = self.recorded
        if recorded is None or self.shown is None:
            return 3
        if recorded.is_first:
            return exit_code(self.shown, fail_on)
        there = {finding.id: finding for _, finding in recorded.audit.findings}
        worse = [change.finding for change in self.changes if change.finding and change.finding.id in there]
        worse += [there[entry.finding] for entry in self.returned]
        if fail_on and any(finding.priority.rank <= fail_on.rank for finding in worse):
            return 1
        return 3 if self.fresh_gaps or not recorded.audit.is_complete else 0


@contextmanager
def keeping(place: str | None, scope: Scope, *, site: str = "", tell: Tell | None = None) -> Iterator[Keeper]:
    """Hold the scope's lock and its history while the block runs; faults of both come before anything is sent.

    Args:
        place: the history's file or URL, None to keep nothing.
        scope: what will be audited.
        site: the client, so that two offices with the same addresses are kept apart.
        tell: hears what became of earlier runs, a line each; stderr where None.

    Raises:
        Busy: the same scope is being audited.
        HistoryError: the history, or the file of accepted risks, cannot be used.
    """
    from .history import HistoryError
    from .history.lock import Busy, Lock, scope_key

    tell = tell or (lambda line: print(f"sohoaudit: {line}", file=sys.stderr))
    key = scope_key(scope, site)
    keeper = Keeper(place, site, scope)
    folder = beside(place) if place else state_folder()
    with ExitStack() as stack:
        try:
            stack.enter_context(Lock(folder / "locks", key, ", ".join(scope.targets)))
        except HistoryError as fault:
            # Who keeps nothing may have nowhere to keep a lock.
            if place is not None or isinstance(fault, Busy):
                raise
        if place is None:
            yield keeper
            return
        from .history import accepted, runs
        from .history.store import History

        keeper.history = history = stack.enter_context(History(place))
        if history.opened.backup:
            tell(f"{history.name} was brought up to date; {history.opened.backup} is as it was")
        keeper.accepted = accepted.read(folder / accepted.NAME)
        run = runs.begin(history, key)
        for note in run.notes:
            tell(note)
        outcome = "broken off"
        try:
            yield keeper
            outcome = "ended"
        except (Exception, SystemExit) as fault:
            outcome = f"failed: {type(fault).__name__}"
            raise
        finally:
            for note in keeper.notes:
                tell(note)
            try:
                runs.end(history, run, outcome)
            except HistoryError as fault:
                tell(str(fault))
