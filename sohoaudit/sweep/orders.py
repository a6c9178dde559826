"""What the raw helper is told at its start: where it stands, what it may reach, and how fast."""

import socket

# From this rate a host on there is no pace to keep (`lab`).
UNLIMITED = 100_000


class Orders:
    """The orders, once given and never changed; rates are new packets a second.

    Not a dataclass: importing those costs as much time as all the helper's other imports together.
    """

    TOLD = (
        "interface", "source", "source6", "gateway", "on_link", "networks", "excluded", "shut", "host_rate", "run_rate",
    )  # fmt: skip

    def __init__(
        self,
        *,
        interface: str,
        source: str,
        source6: str = "",
        gateway: str = "",
        on_link: list[str],
        networks: list[str],
        excluded: list[str],
        shut: list[int],
        host_rate: float,
        run_rate: float,
    ) -> None:
        """Takes the interface with its own addresses, the networks in CIDR, and the ports never to be asked."""
        self.interface, self.source, self.source6, self.gateway = interface, source, source6, gateway
        self.on_link, self.networks, self.excluded, self.shut = on_link, networks, excluded, shut
        self.host_rate, self.run_rate = host_rate, run_rate
        self._networks = [_network(text) for text in networks], [_network(text) for text in excluded]
        self._on_link = [_network(text) for text in on_link]

    def text(self) -> str:
        """The orders as lines of words, to be sent."""
        told = {name: getattr(self, name) for name in self.TOLD}
        words = {name: " ".join(map(str, each)) if isinstance(each, list) else each for name, each in told.items()}
        return "\n".join(f"{name} {each}" for name, each in words.items())

    @classmethod
    def read(cls, text: str) -> "Orders":
        """The orders from such lines; raises ValueError or KeyError where they are none."""
        told = {name: value for line in text.splitlines() for name, _, value in [line.partition(" ")]}
        return cls(
            interface=told["interface"], source=told["source"], source6=told["source6"], gateway=told["gateway"],
            on_link=told["on_link"].split(), networks=told["networks"].split(), excluded=told["excluded"].split(),
            shut=[int(port) for port in told["shut"].split()],
            host_rate=float(told["host_rate"]), run_rate=float(told["run_rate"]),
        )  # fmt: skip

    @property
    def is_unlimited(self) -> bool:
        """Whether there is no pace to keep."""
        return self.host_rate >= UNLIMITED

    def may(self, address: bytes) -> bool:
        """Whether the scope holds the packed address."""
        inside, outside = self._networks
        return _holds(inside, address) and not _holds(outside, address)

    def is_on_link(self, address: bytes) -> bool:
        """Whether no router lies between."""
        return _holds(self._on_link, address)


def _network(text: str) -> tuple[int, int, int]:
    """Bytes of an address, and the network's first address and mask as numbers."""
    first, _, length = text.partition("/")
    packed = packed_of(first)
    bits = len(packed) * 8
    mask = (1 << bits) - (1 << bits - int(length or bits))
    return len(packed), int.from_bytes(packed, "big") & mask, mask


def _holds(networks: list[tuple[int, int, int]], address: bytes) -> bool:
    number, size = int.from_bytes(address, "big"), len(address)
    return any(size == each and number & mask == first for each, first, mask in networks)


def packed_of(text: str) -> bytes:
    """An address in 4 or 16 bytes; raises OSError where it is none."""
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def text_of(address: bytes) -> str:
    """An address as people write it."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
