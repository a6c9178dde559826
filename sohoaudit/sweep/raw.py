"""The raw helper, `python -m sohoaudit.sweep.raw`: one packet socket, one scope, one pace, and no other right.

It is started by `raw_client.py` with a SEQPACKET socket as its standard input, gets its orders there once, gives up
every right, and ends when that socket closes. What it may reach and how fast it checks by itself, whatever it is told.
"""

import sys

if not __package__:
    # Started by its path, as the parent does: what the package itself imports would take four times as long as this.
    __package__ = "helper"
    package = type(sys)(__package__)
    package.__path__ = [__file__.rpartition("/")[0]]
    sys.modules[__package__] = package

import contextlib
import ctypes
import fcntl
import os
import resource
import socket
import struct
from collections.abc import Iterator

from . import frames
from .helper import FAULT, READY, Helper
from .orders import Orders

_ORDERS_BYTES = 1 << 18
_BUFFER_BYTES = 128 << 20
# linux/if_packet.h, asm/socket.h, linux/prctl.h, linux/sockios.h
_PACKET_IGNORE_OUTGOING, _SOL_PACKET, _SO_LOCK_FILTER, _SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 23, 263, 44, 26, 33
_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 38, 4, 24
_SIOCGIFHWADDR = 0x8927
_ARPHRD_ETHER = 1
_NOBODY = 65_534


def main() -> None:
    """Read the orders, open the socket, give up every right, and work."""
    channel = socket.socket(fileno=0)
    try:
        orders = Orders.read(channel.recv(_ORDERS_BYTES).decode())
        wire, mac = open_wire(orders)
        with _told(channel):
            if orders.source6 and any(":" in network for network in orders.networks):
                _load_what_asks_by_nd(mac, orders.source6)
            secret = os.urandom(16)
            drop_rights()
            helper = Helper(channel, wire, orders, mac, secret)
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            channel.send(READY)
            helper.run()
        # Python would take its time to clean up what the kernel cleans up anyway.
        os._exit(0)
    except (OSError, ValueError, KeyError) as fault:
        with contextlib.suppress(OSError):
            channel.send(FAULT + str(getattr(fault, "strerror", None) or fault).encode())


def _load_what_asks_by_nd(mac: bytes, own: str) -> None:
    """Load scapy while files can still be read."""
    import site

    site.main()
    frames.neighbour_solicitation(mac.hex(":"), own, own)


@contextlib.contextmanager
def _told(channel: socket.socket) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        pass
    except OSError as fault:
        with contextlib.suppress(OSError):
            channel.send(FAULT + str(fault.strerror).encode())


def open_wire(orders: Orders) -> tuple[socket.socket, bytes]:
    """The packet socket, deaf until its filter is attached and locked, and the interface's MAC.

    Raises:
        OSError: no right, no such interface, it is down, or it has no MACs (a tunnel, loopback).
    """
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    told = fcntl.ioctl(wire, _SIOCGIFHWADDR, struct.pack("16s24x", orders.interface.encode()))
    kind, mac = struct.unpack_from("=H6s", told, 16)
    if kind != _ARPHRD_ETHER:
        raise OSError(0, f"{orders.interface} is no Ethernet or Wi-Fi link")
    program = frames.listening_filter(orders.source)
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code)
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer)))
    wire.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
    wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    wire.bind((orders.interface, 3))  # ETH_P_ALL
    return wire, mac


def drop_rights() -> None:
    """Become nobody, without capabilities, without a way to get any, and without new files."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        for capability in range(64):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        with contextlib.suppress(OSError):  # a user namespace may know no groups
            os.setgroups([])
        with contextlib.suppress(OSError):
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)  # _LINUX_CAPABILITY_VERSION_3
    if libc.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "the rights could not be given up")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
