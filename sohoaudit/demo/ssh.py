"""An SSH server that shows its version and its host key, and lets nobody in."""

import contextlib
from dataclasses import dataclass
from socket import socket

from ..model import Transport
from .certificates import host_key
from .doors import GuestBook, open_tcp


@dataclass(frozen=True, slots=True)
class Ssh:
    """SSH with a version ("dropbear_2017.75", as it stands after "SSH-2.0-") and the host key of `owner`."""

    port: int
    version: str
    owner: str
    outside: int | None = None
    transport: Transport = Transport.TCP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""
        import asyncssh

        port = self.port

        class Guard(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                book.complain(port, "an attempt to sign in")
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return False

        options = asyncssh.SSHServerConnectionOptions(
            server_factory=Guard, server_host_keys=[host_key(self.owner)], server_version=self.version, login_timeout=30
        )

        async def serve(visitor: socket) -> None:
            connection = None
            try:
                connection = await asyncssh.run_server(visitor, options=options)
                await connection.wait_closed()
            except asyncssh.Error:
                return
            finally:
                if connection is not None:
                    connection.abort()

        return await open_tcp(serve, book, shelf)
