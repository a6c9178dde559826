"""Reads `fingerprints/macs.yaml`: which maker a MAC address was given to, a hint that is shown and decides nothing."""

from collections.abc import Mapping
from functools import cache

from . import shipped

# Hexadecimal digits of the three sizes in which the IEEE gives addresses out; the longest that is known counts.
_LENGTHS = (9, 7, 6)
_LOCALLY_ADMINISTERED = 0x02  # IEEE 802, section 8.4: the second-lowest bit of the first byte
_PLAIN_MAC_DIGITS = 12


def maker_of(mac: str | None) -> str | None:
    """The maker of the network card, or None where it is not listed, or the address is no maker's."""
    digits = _digits(mac)
    if not digits or is_private(mac):
        return None
    return next((maker for length in _LENGTHS if (maker := _makers().get(digits[:length]))), None)


def is_private(mac: str | None) -> bool:
    """Whether the device made the address up, as phones do for each network."""
    digits = _digits(mac)
    return bool(digits) and bool(int(digits[:2], 16) & _LOCALLY_ADMINISTERED)


def _digits(mac: str | None) -> str:
    digits = (mac or "").replace(":", "").replace("-", "").lower()
    is_mac = len(digits) == _PLAIN_MAC_DIGITS and not digits.strip("0123456789abcdef")
    return digits if is_mac else ""


@cache
def _makers() -> Mapping[str, str]:
    """The maker by the first digits.

    Raises:
        KnowledgeError: the file is not as it should be.
    """
    from . import text_yaml  # reading an audit needs no YAML

    where = "fingerprints/macs.yaml"
    root = text_yaml.load((shipped("fingerprints") / "macs.yaml").read_text(encoding="utf-8"), where).root
    makers = root.get("makers") if isinstance(root, text_yaml.Mapping) else None
    if not isinstance(makers, text_yaml.Mapping):
        raise text_yaml.KnowledgeError(where, 1, "a mapping under 'makers' is expected")
    return {prefix: str(name) for name, prefixes in makers.items() for prefix in str(prefixes).split()}
