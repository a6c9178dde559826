"""Replaces what identifies people or opens doors by a keyed hash, before anything is kept.

The hash still joins the two faces of one box, since the same value gives the same hash, and it never gives the value.
MAC addresses stay: they are on the label and on the wire. A serial number opens doors too, since several makers
derive the first password from it.
"""

import hashlib
import hmac
import re
from functools import cache

from ..places import secret

# Whole names, after punctuation and case are taken away: imei, wl0_ssid -> wl0ssid, DeviceSN -> devicesn.
_SECRET = re.compile(
    r"""(?:.{0,24})(?:imei|imsi|iccid|msisdn|ssid\d{0,2}|ssidname|essid|psk|passphrase|password|passwd|wpakey|wepkey\d?
    |pppoe?(?:user|username|name|account|login)|adminusername|(?:wan|ppp|isp)user(?:name)?|ddns(?:name|host|hostname|domain)
    |wifiname|wirelessname|networkname|serialnumber|serialnum|serialno|serial|devicesn|(?<![a-z])sn)
    """,
    re.VERBOSE,
)  # fmt: skip
_NAME = r"[A-Za-z][A-Za-z0-9_.:-]{0,47}"
# "key": "value" and "key": 123; key = 'value' and key: "value" of scripts.
_QUOTED = re.compile(
    rf"""(["']?)({_NAME})\1(\s{{0,8}}[:=]\s{{0,8}})(?:"((?:[^"\\\n]|\\.){{1,512}})"|'([^'\n]{{1,512}})'|(\d{{4,32}})\b)"""
)
_ELEMENT = re.compile(rf"<({_NAME})(?: [^<>]{{0,128}})?>([^<>]{{1,256}})</\1>")
_LINE = re.compile(
    rf"""^([ \t]{{0,8}})({_NAME})([ \t]{{0,8}}[=:][ \t]{{0,8}})([^\s"'<>&][^\n<>]{{0,255}})$""", re.MULTILINE
)

# As texts such as a sysDescr put it: "SN:CN12345678,FN:…", "S/N 12345678".
_SHORT = re.compile(r"\b(?:S/N|SN|[Ss]erial(?: [Nn]o\.?| [Nn]umber)?|IMEI)[:=# ]{1,3}([A-Za-z0-9-]{5,32})\b")


@cache
def own_key() -> bytes:
    """The key of this installation, made when first needed and kept at 0600; of this run alone where it cannot be kept.

    One key over several runs lets the same serial number join what was seen today and last month.
    """
    return secret("hash.key")


def keyed(value: str, key: bytes) -> str:
    """`keyed:` and 12 hex digits of an HMAC-SHA256; empty stays empty, and what is keyed stays as it is."""
    value = value.strip()
    if not value or value.startswith("keyed:"):
        return value
    return "keyed:" + hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def is_secret(name: str) -> bool:
    """Whether a key, an element or a variable of that name holds something of the kind."""
    return bool(_SECRET.fullmatch(re.sub(r"[^a-z0-9]", "", name.split(":")[-1].lower())))


def veil(text: str, key: bytes) -> str:
    """A text with the secret values replaced: JSON, XML, scripts, `name=value` lines, "SN:…"; takes linear time."""
    text = _QUOTED.sub(lambda found: _veil_quoted(found, key), text)
    text = _ELEMENT.sub(lambda found: _swap(found, 1, 2, key), text)
    text = _LINE.sub(lambda found: _swap(found, 2, 4, key), text)
    return _SHORT.sub(lambda found: found.group().replace(found.group(1), keyed(found.group(1), key)), text)


def _swap(found: re.Match[str], name: int, value: int, key: bytes) -> str:
    whole = found.group()
    if not is_secret(found.group(name)):
        return whole
    start, end = found.start(value) - found.start(), found.end(value) - found.start()
    return whole[:start] + keyed(found.group(value), key) + whole[end:]


def _veil_quoted(found: re.Match[str], key: bytes) -> str:
    if not is_secret(found.group(2)):
        return found.group()
    value = next(number for number in (4, 5, 6) if found.group(number) is not None)
    veiled = _swap(found, 2, value, key)
    # A number becomes a text, so that JSON stays JSON.
    return veiled.replace(keyed(found.group(6), key), f'"{keyed(found.group(6), key)}"') if value == 6 else veiled
