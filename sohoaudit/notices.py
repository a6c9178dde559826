"""Sends notices by apprise: mail, webhooks and chats, each named by one URL, which is never printed."""

from collections.abc import Iterable
from typing import Any

from .history import outbox
from .history.store import History


class NoticeError(ValueError):
    """Notices cannot be sent at all: one line with the remedy."""


def hidden(url: str) -> str:
    """A channel as it may be shown: its kind alone."""
    return f"{url.partition('://')[0]}://…"


def check(urls: Iterable[str]) -> None:
    """Make sure, before anything is asked, that every URL is one that apprise understands.

    Raises:
        NoticeError: apprise is missing, or a URL is not understood.
    """
    apprise = _apprise()
    for url in urls:
        if not apprise.Apprise().add(url):
            raise NoticeError(f"{hidden(url)} is no address that apprise understands: see its list of services")


def send(url: str, title: str, body: str) -> bool:
    """Send one text to one channel; False where it could not be delivered. Waits a few seconds at most a try."""
    channel = _apprise().Apprise()
    return bool(channel.add(url) and channel.notify(title=title, body=body))


def deliver(history: History, urls: Iterable[str]) -> list[str]:
    """Send what waits for these channels; a line for each channel that could not be reached, whose notices stay."""
    faults = []
    for url in urls:
        for notice in outbox.waiting(history, outbox.channel_of(url)):
            if not outbox.claim(history, notice):
                continue
            if not send(url, notice.title, notice.body):
                outbox.give_back(history, notice)
                faults.append(f"a notice to {hidden(url)} could not be sent: it is kept, and the next run tries again")
                break
    return faults


def _apprise() -> Any:
    import logging

    try:
        import apprise
    except ImportError:
        raise NoticeError("notices need apprise: install sohoaudit[notify]") from None
    # It would print addresses with their passwords.
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [logging.NullHandler()], False
    return apprise
