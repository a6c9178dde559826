"""A box on loopback whose doors open and close: a sign-in page that stays, and Telnet that comes and goes."""

import socket
import threading
from collections.abc import Callable

PAGE = b"HTTP/1.0 200 OK\r\nServer: tiny/1.2\r\n\r\n<title>Vigor Login Page</title>"
TELNET = b"\xff\xfd\x01\xff\xfd\x1fDrayTek Vigor2960\r\nlogin: "


class Door:
    """One listening port of 127.0.0.1; a context manager that closes it."""

    def __init__(self, port: int, answer: bytes, *, waits_for_question: bool) -> None:
        self.port = port
        self._answer, self._waits = answer, waits_for_question
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", port))
        self._listening.listen(20)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer_one, args=(connection,), daemon=True).start()

    def _answer_one(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.3)
            try:
                if self._waits:
                    connection.recv(4_096)
                connection.sendall(self._answer)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(4_096)
            except OSError:
                pass

    def close(self) -> None:
        # Closing alone does not wake the thread that waits in accept.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


def page(port: int) -> Door:
    return Door(port, PAGE, waits_for_question=True)


def telnet(port: int) -> Door:
    return Door(port, TELNET, waits_for_question=False)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


Open = Callable[[int], Door]
