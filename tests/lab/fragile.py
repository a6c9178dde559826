"""A small box that dies of haste, run inside a namespace: `python -m lab.fragile ADDRESS STATE PORT… [--title TEXT]`.

It has one thread and no patience: above 20 connections in a second, or 4 at once, it closes every door for good. What
it saw is in the file STATE: visits, the most in a second and at once, and of what it died.
"""

import argparse
import json
import selectors
import socket
import time
from collections import deque
from pathlib import Path

MOST_A_SECOND, MOST_AT_ONCE = 20, 4
# It thinks for a moment, so that two guests at once are seen to be two.
THINKING_S = 0.03


class Box:
    """The doors, the guests, and the life of it."""

    def __init__(self, address: str, ports: list[int], page: bytes, state: Path) -> None:
        self._page, self._state = page, state
        self._selector = selectors.DefaultSelector()
        for port in ports:
            self._selector.register(socket.create_server((address, port)), selectors.EVENT_READ, "door")
        self._arrivals: deque[float] = deque()
        self._guests: dict[socket.socket, float] = {}
        self._seen = {"visits": 0, "a_second": 0, "at_once": 0, "died_of": None}
        self._tell()

    def run(self) -> None:
        """Serve until it dies, and stay dead."""
        while not self._seen["died_of"]:
            for key, _ in self._selector.select(0.02):
                if key.data == "door":
                    self._open(key.fileobj.accept()[0])  # type: ignore[union-attr]
            for guest, since in list(self._guests.items()):
                if time.monotonic() - since > THINKING_S:
                    self._answer(guest)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        time.sleep(3_600)

    def _open(self, guest: socket.socket) -> None:
        now = time.monotonic()
        guest.setblocking(False)
        self._guests[guest] = now
        self._arrivals.append(now)
        while self._arrivals[0] <= now - 1:
            self._arrivals.popleft()
        seen = self._seen
        seen["visits"] += 1
        seen["a_second"] = max(seen["a_second"], len(self._arrivals))
        seen["at_once"] = max(seen["at_once"], len(self._guests))
        if seen["a_second"] > MOST_A_SECOND or seen["at_once"] > MOST_AT_ONCE:
            seen["died_of"] = f"{seen['a_second']} connections in a second, {seen['at_once']} at once"
        self._tell()

    def _answer(self, guest: socket.socket) -> None:
        """A page for whoever asked; whoever hung up, or says nothing for ten seconds, is let go."""
        try:
            said = guest.recv(4_096)
            if said:
                guest.sendall(self._page)
        except BlockingIOError:
            if time.monotonic() - self._guests[guest] < 10:
                return
        except OSError:
            pass
        del self._guests[guest]
        guest.close()

    def _tell(self) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps(self._seen))
        fresh.replace(self._state)


def main() -> None:
    """Read the words, and live."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("state", type=Path)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--title", default="tiny")
    words = parser.parse_args()
    body = f"<html><head><title>{words.title}</title></head></html>"
    page = f"HTTP/1.0 200 OK\r\nServer: tiny/0.9\r\nConnection: close\r\n\r\n{body}".encode()
    Box(words.address, words.ports, page, words.state).run()


if __name__ == "__main__":
    main()
